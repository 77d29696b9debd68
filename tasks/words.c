#include "tasks/words.h"

#include <stdbool.h>
#include <string.h>

#define BLANKS     " \t\r\n"
#define SHELL_ONLY "|&;<>()$`*?[]{}~!#"

#define OPEN_QUOTE "has a quote that is not closed"
#define SHELL_SYNTAX                                                                                         \
    "has an unquoted '%c', which only a shell understands, and there is no shell; quote it, or write "       \
    "/bin/sh -c '...'"

struct scan {
    const char *at;
    char *out; /* where the next character goes */
};

/* These return NULL, or what is wrong at scan->at: a format for the character there. */

static const char *scan_quoted(struct scan *scan) {
    char quote = *scan->at;
    for (scan->at++; *scan->at != quote; scan->at++) {
        if (quote == '"' && *scan->at == '\\' && scan->at[1] && strchr("\"\\$`", scan->at[1]))
            scan->at++;
        else if (quote == '"' && (*scan->at == '$' || *scan->at == '`'))
            return SHELL_SYNTAX;
        if (*scan->at == '\0')
            return OPEN_QUOTE;
        *scan->out++ = *scan->at;
    }
    scan->at++;
    return NULL;
}

static const char *scan_word(struct scan *scan) {
    const char *wrong = NULL;
    for (const char *start = scan->at; !wrong && *scan->at && !strchr(BLANKS, *scan->at);) {
        /* ~ and # are special to a shell at the start of a word only */
        bool is_literal = scan->at > start && (*scan->at == '~' || *scan->at == '#');
        if (*scan->at == '\'' || *scan->at == '"')
            wrong = scan_quoted(scan);
        else if (*scan->at == '\\' && scan->at[1] == '\0')
            wrong = "ends in a backslash";
        else if (strchr(SHELL_ONLY, *scan->at) && !is_literal)
            wrong = SHELL_SYNTAX;
        else {
            scan->at += *scan->at == '\\';
            *scan->out++ = *scan->at++;
        }
    }
    *scan->out++ = '\0';
    return wrong;
}

char **words_split(const char *text, struct arena *arena, struct text *error) {
    size_t bytes = strlen(text);
    char *words = arena_alloc(arena, bytes + 2); /* a word is never longer than its source, plus its NUL */
    char **argv = arena_alloc(arena, (bytes / 2 + 2) * sizeof *argv);
    size_t count = 0;
    struct scan scan = {text, words};
    for (scan.at += strspn(scan.at, BLANKS); *scan.at; scan.at += strspn(scan.at, BLANKS)) {
        argv[count++] = scan.out;
        const char *wrong = scan_word(&scan);
        if (wrong) {
            text_add(error, wrong, *scan.at);
            return NULL;
        }
    }
    if (count)
        return argv;
    text_add(error, "is empty");
    return NULL;
}
