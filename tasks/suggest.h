/*
 * "did you mean": the nearest of some known words, for messages about a mistyped one.
 */
#ifndef TASKS_SUGGEST_H
#define TASKS_SUGGEST_H

#include <stddef.h>

/* How many letters must be added, dropped, changed or swapped; words above 63 bytes count as far away. */
size_t suggest_distance(const char *a, const char *b);

/* Whether `candidate` is near enough to be what was meant by `word`. */
int suggest_is_near(const char *word, const char *candidate);

#endif
