#include "scheduler/import/crontab_line.h"

#include <string.h>

#define BLANKS " \t"

/* The next word, ended in place; NULL: there is none. */
static char *take_word(char **at) {
    char *word = *at + strspn(*at, BLANKS);
    char *end = word + strcspn(word, BLANKS);
    *at = end + (*end != '\0');
    *end = '\0';
    return end > word ? word : NULL;
}

/* Five words, which stay one text. */
static char *take_fields(char **at) {
    char *fields = *at + strspn(*at, BLANKS), *end = fields;
    for (int i = 0; i < 5; i++) {
        end += strspn(end, BLANKS);
        if (*end == '\0')
            return NULL;
        end += strcspn(end, BLANKS);
    }
    *at = end + (*end != '\0');
    *end = '\0';
    return fields;
}

bool crontab_read_job(char *line, bool has_user, struct crontab_job *ret) {
    char *at = line + strspn(line, BLANKS);
    bool complete = true;
    *ret = (struct crontab_job){0};
    at += *at == '-'; /* SUSE's and cronie's: do not log it */
    if (*at == '@')
        ret->schedule = take_word(&at);
    else
        complete = (ret->schedule = take_fields(&at)) != NULL;
    if (has_user)
        complete &= (ret->user = take_word(&at)) != NULL;
    ret->command = at + strspn(at, BLANKS);
    return complete && *ret->command;
}

bool crontab_read_variable(char *line, const char **ret_name, const char **ret_value) {
    char *at = line + strspn(line, BLANKS), *name = at, *end;
    if (*at == '"' || *at == '\'') {
        name = at + 1;
        end = strchr(name, *at);
        at = end ? end + 1 : at;
    } else {
        at += strcspn(at, BLANKS "=");
        end = at;
    }
    at += strspn(at, BLANKS);
    if (!end || end == name || *at != '=')
        return false;
    *end = '\0';
    at += 1 + strspn(at + 1, BLANKS);
    size_t length = strlen(at);
    while (length > 0 && strchr(BLANKS, at[length - 1]))
        length--;
    if (length >= 2 && (*at == '"' || *at == '\'') && at[length - 1] == *at) {
        at++;
        length -= 2;
    }
    at[length] = '\0';
    *ret_name = name;
    *ret_value = at;
    return true;
}

const char *crontab_split_input(struct arena *arena, const char *command, const char ***ret_lines,
                                size_t *ret_count) {
    size_t length = strlen(command), count = 0, lines = 1;
    char *copy = arena_alloc(arena, length + 1), *out = copy;
    for (const char *at = command; *at; at++)
        lines += *at == '%';
    const char **starts = arena_alloc(arena, lines * sizeof *starts);
    starts[count++] = copy;
    for (const char *at = command; *at; at++) {
        if (*at == '%') {
            *out++ = '\0';
            starts[count++] = out;
        } else {
            at += at[0] == '\\' && at[1] == '%';
            *out++ = *at;
        }
    }
    *ret_lines = starts + 1;
    *ret_count = count - 1;
    if (*ret_count && *starts[count - 1] == '\0') /* the newline at the end of the last line */
        --*ret_count;
    return copy;
}
