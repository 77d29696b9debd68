/*
 * The folders in which records of this file may wait: the present `spool`, and earlier ones where some are
 * left. They are kept in a small file beside the list of pauses, so that a daemon whose `spool` is another
 * one than its predecessor's finds them.
 */
#ifndef SCHEDULER_HISTORY_FOLDERS_H
#define SCHEDULER_HISTORY_FOLDERS_H

#include <stdbool.h>
#include <stdint.h>

/* A folder leaves the list once nothing of ours is in it: more than a few mean that `spool` changes for no
 * reason. */
#define FOLDERS_MOST 16

struct folders {
    char *items[FOLDERS_MOST]; /* absolute paths, each once; owned */
    uint32_t count;
};

/* What is not there, or cannot be read, is an empty list. */
struct folders folders_load(const char *path);

/* Of what is beyond the most, the first are kept. */
void folders_add(struct folders *folders, const char *folder);

/* In one piece; an empty list is no file. False with errno. */
bool folders_save(const struct folders *folders, const char *path) __attribute__((warn_unused_result));

void folders_finish(struct folders *folders);

#endif
