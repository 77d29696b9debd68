/*
 * A command line as an argument vector, quoted as a shell would, but with no shell: no variables, no globs,
 * no pipes. What a shell would treat specially is refused unless it is quoted, so nobody is surprised.
 */
#ifndef TASKS_WORDS_H
#define TASKS_WORDS_H

#include "tasks/arena.h"

enum words_error {
    WORDS_OK,
    WORDS_EMPTY,
    WORDS_OPEN_QUOTE,
    WORDS_TRAILING_BACKSLASH,
    WORDS_SHELL_SYNTAX, /* an unquoted character that only a shell understands */
};

/*
 * *ret_argv: ended with NULL, owned by the arena; untouched on failure. On WORDS_SHELL_SYNTAX *ret_at is the
 * offending character within text.
 */
enum words_error words_split(const char *text, struct arena *arena, char ***ret_argv, const char **ret_at)
    __attribute__((warn_unused_result));

#endif
