/*
 * "did you mean": the nearest of some known words, for messages about a mistyped one.
 */
#ifndef TASKS_SUGGEST_H
#define TASKS_SUGGEST_H

#include <stddef.h>

/* How many letters must be added, dropped, changed or swapped; words above 63 bytes count as far away. */
size_t suggest_distance(const char *a, const char *b);

/*
 * What was meant by `word`: the candidate, if it is near enough and nearer than `best`, which was the best of
 * those asked about before (NULL: none); else `best`. Both are borrowed.
 */
const char *suggest_better(const char *word, const char *best, const char *candidate);

#endif
