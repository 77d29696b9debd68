/*
 * "did you mean": the nearest of some known words, for messages about a mistyped one.
 */
#ifndef TASKS_SUGGEST_H
#define TASKS_SUGGEST_H

#include <stddef.h>

/* How many letters must be added, dropped, changed or swapped; longer words than SUGGEST_WORD_BYTES_MAX are
 * far away. */
size_t suggest_distance(const char *a, const char *b);

/*
 * What was meant by `word`: the candidate, if it is near enough and nearer than `best`, which was the best of
 * those asked about before (NULL: none); else `best`. Both are borrowed.
 */
const char *suggest_better(const char *word, const char *best, const char *candidate);

#define SUGGEST_WORD_BYTES_MAX 63 /* keys have 19 at most, names of tasks 40 */
#define SUGGEST_TEXT_BYTES     (SUGGEST_WORD_BYTES_MAX + 20)

/* "; did you mean 'size'?", to stand behind what is wrong; "" where `best` is NULL. Writes into the caller's
 * buffer and returns it. */
const char *suggest_text(const char *best, char buffer[static SUGGEST_TEXT_BYTES]);

/* The same as an argument of a call: the text lives to the end of the block that it stands in. */
#define SUGGEST_TEXT(best) suggest_text((best), (char[SUGGEST_TEXT_BYTES]){0})

#endif
