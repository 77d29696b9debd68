/*
 * A file that takes the place of what is at a path in one piece, or not at all: whoever reads meanwhile sees
 * the old one or the new one, also after a power cut. The one way in which this program replaces a file. No
 * name that others could foresee is opened, no link is followed, and nobody else can read it (0600).
 */
#ifndef SCHEDULER_REPLACE_H
#define SCHEDULER_REPLACE_H

#include <stdbool.h>
#include <stdio.h>

#include "tasks/text.h"

struct replace {
    FILE *file; /* to be written; errors may be left for replace_end() to find */
    const char *path;
    struct text temporary;
};

/* Borrows `path`. False with errno, and nothing to end. */
bool replace_begin(struct replace *replace, const char *path) __attribute__((warn_unused_result));

/* wanted: false gives up what was written. False with errno: what was at the path is there still. */
bool replace_end(struct replace *replace, bool wanted) __attribute__((warn_unused_result));

/* The whole content in one call. False with errno. */
bool replace_file(const char *path, const struct text *content) __attribute__((warn_unused_result));

/* From now on there is no file at the path, also after a power cut. False with errno. */
bool replace_with_nothing(const char *path) __attribute__((warn_unused_result));

#endif
