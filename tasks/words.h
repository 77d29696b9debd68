/*
 * A command line as an argument vector, quoted as a shell would, but with no shell: no variables, no globs,
 * no pipes. What a shell would treat specially is refused unless it is quoted, so nobody is surprised.
 */
#ifndef TASKS_WORDS_H
#define TASKS_WORDS_H

#include "tasks/arena.h"
#include "tasks/text.h"

/* Ended with NULL, owned by the arena. NULL after adding to `error` what is wrong, as a clause to follow the
 * text's name, such as "has a quote that is not closed". */
char **words_split(const char *text, struct arena *arena, struct text *error)
    __attribute__((warn_unused_result));

#endif
