/*
 * The ini file that an import prints. What is written through here, tasks/inifile.c reads back as it was: no
 * line is too long for it, none is cut at a semicolon, and nothing of others begins a section or a key.
 */
#ifndef SCHEDULER_IMPORT_PAGE_H
#define SCHEDULER_IMPORT_PAGE_H

#include <stdbool.h>

#include "tasks/text.h"

#define PAGE_INDENT 4 /* of a line that continues a value */

/* A comment, in lines of a readable width; a newline in it begins the next line. */
void page_remark(struct text *page, const char *format, ...) __attribute__((format(printf, 2, 3), nonnull));

/* A comment as others wrote it, which begins with '#'. */
void page_comment(struct text *page, const char *line);

/* A comment that keeps what could not be carried over: lines of others. */
void page_keep(struct text *page, const char *lines);

void page_section(struct text *page, const char *kind, const char *name);

/* key = value, on one line. False, and nothing is added, where inih would cut or change the value. */
bool page_value(struct text *page, const char *key, const char *value) __attribute__((warn_unused_result));

/*
 * key = words of a command, each quoted as tasks/words.h wants it; on lines of their own where they are too
 * long for one. False, and nothing is added, where a word is longer than a line or holds what inih would cut.
 */
bool page_words(struct text *page, const char *key, const char *const *words, size_t count)
    __attribute__((warn_unused_result));

/* Whether the word may stand on a line of its own in page_words(). */
bool page_holds_word(const char *word);

#endif
