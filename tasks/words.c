#include "tasks/words.h"

#include <stdbool.h>
#include <string.h>

#define BLANKS     " \t\r\n"
#define SHELL_ONLY "|&;<>()$`*?[]{}~!#"

struct scan {
    const char *at;
    char *out; /* where the next character goes */
};

static enum words_error double_quoted(struct scan *scan) {
    for (scan->at++; *scan->at != '"'; scan->at++) {
        if (*scan->at == '\\' && scan->at[1] && strchr("\"\\$`", scan->at[1]))
            scan->at++;
        else if (*scan->at == '$' || *scan->at == '`')
            return WORDS_SHELL_SYNTAX;
        if (*scan->at == '\0')
            return WORDS_OPEN_QUOTE;
        *scan->out++ = *scan->at;
    }
    scan->at++;
    return WORDS_OK;
}

static enum words_error single_quoted(struct scan *scan) {
    for (scan->at++; *scan->at != '\''; scan->at++) {
        if (*scan->at == '\0')
            return WORDS_OPEN_QUOTE;
        *scan->out++ = *scan->at;
    }
    scan->at++;
    return WORDS_OK;
}

/* ~ and # are special to a shell at the start of a word only. */
static bool shell_only(char c, bool starts_word) {
    return strchr(SHELL_ONLY, c) && (starts_word || (c != '~' && c != '#'));
}

static enum words_error one_word(struct scan *scan) {
    const char *start = scan->at;
    while (*scan->at && !strchr(BLANKS, *scan->at)) {
        enum words_error error = WORDS_OK;
        if (*scan->at == '\'')
            error = single_quoted(scan);
        else if (*scan->at == '"')
            error = double_quoted(scan);
        else if (*scan->at == '\\' && scan->at[1] == '\0')
            error = WORDS_TRAILING_BACKSLASH;
        else if (shell_only(*scan->at, scan->at == start))
            error = WORDS_SHELL_SYNTAX;
        else {
            scan->at += *scan->at == '\\';
            *scan->out++ = *scan->at++;
        }
        if (error != WORDS_OK)
            return error;
    }
    *scan->out++ = '\0';
    return WORDS_OK;
}

enum words_error words_split(const char *text, struct arena *arena, char ***ret_argv, const char **ret_at) {
    size_t bytes = strlen(text);
    char *words = arena_alloc(arena, bytes + 2); /* a word is never longer than its source, plus its NUL */
    char **argv = arena_alloc(arena, (bytes / 2 + 2) * sizeof *argv);
    size_t count = 0;
    struct scan scan = {text, words};
    for (scan.at += strspn(scan.at, BLANKS); *scan.at; scan.at += strspn(scan.at, BLANKS)) {
        argv[count++] = scan.out;
        enum words_error error = one_word(&scan);
        if (error != WORDS_OK) {
            *ret_at = scan.at;
            return error;
        }
    }
    if (count == 0)
        return WORDS_EMPTY;
    *ret_argv = argv;
    return WORDS_OK;
}
