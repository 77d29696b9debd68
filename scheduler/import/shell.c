/*
 * A line of the ini file is short, and a word of a command stands on one. So a longer text is several words,
 * which /bin/sh puts together for the shell that the text was written for:
 *     /bin/sh -c 'exec /bin/bash -c "$0$1"' 'a piece' 'another one'
 * Nothing of the text is understood on the way, so nothing of it can be misunderstood.
 */
#include "scheduler/import/shell.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/import/page.h"
#include "tasks/arena.h"

#define PIECE_BYTES_MOST 150 /* quoted it fits into a line, and a line into a screen */
#define PIECES_MOST      64  /* cron takes no line of more than 1000 bytes */

/* --- the words --- */

struct words {
    struct arena arena;
    const char **items;
    size_t count, room;
};

static void add_word(struct words *words, const char *word, size_t length) {
    if (words->count < words->room)
        words->items[words->count++] = arena_text(&words->arena, word, length);
}

static void add_whole(struct words *words, const char *word) {
    add_word(words, word, strlen(word));
}

/* How many bytes of the text the next piece has: it ends behind a blank, if there is one far enough. */
static size_t piece_length(const char *text) {
    size_t length = 0, width = 0, blank = 0;
    for (; text[length]; length++) {
        if (text[length] == ';' && length > 0 && isspace((unsigned char)text[length - 1]))
            return length; /* inih would take it for a comment */
        width += text[length] == '\'' ? strlen("'\\''") : 1;
        if (width > PIECE_BYTES_MOST)
            break;
        if (text[length] == ' ')
            blank = length + 1;
    }
    if (text[length] == '\0')
        return length;
    if (blank > length / 2)
        return blank;
    while (length > 1 && ((unsigned char)text[length] & 0xC0) == 0x80) /* within a character */
        length--;
    return length;
}

/* The text in pieces, as words; and "$0$1", by which the script names them, one after another. */
static void add_pieces(struct words *words, const char *text, size_t *number, struct text *script) {
    text_add(script, "\"");
    do {
        size_t length = piece_length(text);
        add_word(words, text, length);
        text_add(script, *number < 10 ? "$%zu" : "${%zu}", *number);
        ++*number;
        text += length;
    } while (*text && *number < PIECES_MOST);
    text_add(script, "\"");
}

static void add_script(struct words *words, const struct shell_job *job) {
    struct text script = {0}, input = {0}, command = {0};
    struct words pieces = {.items = calloc(PIECES_MOST, sizeof *pieces.items), .room = PIECES_MOST};
    size_t number = 0;
    if (!pieces.items)
        abort();
    add_pieces(&pieces, job->command, &number, &command);
    for (size_t i = 0; i < job->input_count && number < PIECES_MOST; i++) {
        text_add(&input, " ");
        add_pieces(&pieces, job->input[i], &number, &input);
    }
    if (job->input_count)
        text_add(&script, "printf \"%%s\\n\"%s | %s -c %s", input.bytes, job->shell, command.bytes);
    else
        text_add(&script, "exec %s -c %s", job->shell, command.bytes);
    add_whole(words, SHELL_DEFAULT);
    add_whole(words, "-c");
    add_whole(words, script.bytes);
    for (size_t i = 0; i < pieces.count; i++)
        add_whole(words, pieces.items[i]);
    arena_finish(&pieces.arena);
    free(pieces.items);
    text_finish(&script);
    text_finish(&input);
    text_finish(&command);
}

/* Whether all of the job fits into its pieces. */
static bool fits(const struct shell_job *job) {
    size_t pieces = 0;
    for (size_t i = 0; i <= job->input_count; i++)
        for (const char *at = i ? job->input[i - 1] : job->command;; at += piece_length(at)) {
            if (++pieces > PIECES_MOST)
                return false;
            if (at[piece_length(at)] == '\0')
                break;
        }
    return true;
}

bool shell_print(struct text *page, const struct shell_job *job) {
    size_t room = job->environment_count + PIECES_MOST + 4;
    struct words words = {.items = calloc(room, sizeof *words.items), .room = room};
    if (!words.items)
        abort();
    if (job->environment_count)
        add_whole(&words, "env");
    for (size_t i = 0; i < job->environment_count; i++)
        add_whole(&words, job->environment[i]);
    if (job->input_count || !page_holds_word(job->command)) {
        add_script(&words, job);
    } else {
        add_whole(&words, job->shell);
        add_whole(&words, "-c");
        add_whole(&words, job->command);
    }
    bool printed = fits(job) && page_words(page, "command", words.items, words.count);
    arena_finish(&words.arena);
    free(words.items);
    return printed;
}

bool shell_is_plain_path(const char *path) {
    return *path == '/' && path[strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                             "0123456789_-./")] == '\0';
}

/* --- the name --- */

/* What stands in front of the program that matters, and how many words of its own it has beside options and
 * numbers. */
static const struct {
    const char *word;
    int own;
} wrappers[] = {
    {"cd", 1},   {"flock", 1},  {"source", 1},  {".", 1},           {"for", 1},     {"if", 0},
    {"then", 0}, {"else", 0},   {"fi", 0},      {"while", 0},       {"do", 0},      {"done", 0},
    {"!", 0},    {"true", 0},   {"set", 0},     {"export", 0},      {"umask", 0},   {"sleep", 0},
    {"env", 0},  {"exec", 0},   {"command", 0}, {"time", 0},        {"timeout", 0}, {"nice", 0},
    {"sudo", 0}, {"ionice", 0}, {"nohup", 0},   {"setsid", 0},      {"chronic", 0}, {"run-parts", 0},
    {"cat", 0},  {"sh", 0},     {"bash", 0},    {"dash", 0},        {"ksh", 0},     {"zsh", 0},
    {"perl", 0}, {"php", 0},    {"python", 0},  {"python2", 0},     {"python3", 0}, {"ruby", 0},
    {"node", 0}, {"java", 0},   {"bundle", 0},  {"systemd-cat", 0},
};

#define WORD_BYTES_MOST 200

/* The next word of the command, without quotes; false at its end. *ret_ends: another command of the shell
 * begins with it. */
static bool next_word(const char **at, char word[static WORD_BYTES_MOST], bool *ret_ends) {
    size_t length = 0;
    *ret_ends = false;
    for (; **at && strchr(" \t;&|()`$\"'<>", **at); ++*at)
        *ret_ends |= strchr(";&|", **at) != NULL;
    for (; **at && !strchr(" \t;&|()`\"'<>", **at); ++*at)
        if (length < WORD_BYTES_MOST - 1)
            word[length++] = **at;
    word[length] = '\0';
    return length > 0;
}

static const char *base_of(char *word) {
    static const char *const endings[] = {".sh", ".py", ".php", ".pl", ".rb", ".js", ".jar", ".bash"};
    size_t length = strlen(word);
    while (length > 1 && word[length - 1] == '/')
        word[--length] = '\0';
    char *slash = strrchr(word, '/');
    char *base = slash ? slash + 1 : word;
    length = strlen(base);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i]);
        if (length > ending && strcmp(base + length - ending, endings[i]) == 0) {
            base[length - ending] = '\0';
            break;
        }
    }
    return base;
}

/* Options, numbers and assignments are nobody's name. */
static bool is_aside(const char *word) {
    size_t digits = strspn(word, "0123456789.");
    bool is_number = digits > 0 && word[digits + (word[digits] && strchr("smhd", word[digits]))] == '\0';
    return is_number || *word == '-' || strchr(word, '=') || word[strspn(word, ".,%*?/{}![]:+@")] == '\0';
}

/* Of the words that it has itself, -1: it is no wrapper. */
static int wrapper_own(const char *word) {
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
        if (strcmp(word, wrappers[i].word) == 0)
            return wrappers[i].own;
    return -1;
}

/* As in `manage.py clearsessions`: a plain word behind the program says which of its works it is. */
static bool is_plain_word(const char *word) {
    return islower((unsigned char)*word) && strlen(word) <= 24 &&
           word[strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_:-")] == '\0';
}

void shell_name(struct text *name, const char *command) {
    char word[WORD_BYTES_MOST];
    bool in_test = false, as_user = false, ends;
    int own = 0;
    for (const char *at = command; next_word(&at, word, &ends);) {
        const char *base = base_of(word);
        bool is_test = strcmp(base, "test") == 0 || strcmp(base, "[") == 0;
        int words = wrapper_own(base);
        in_test = is_test || (in_test && !ends);
        if (in_test)
            continue;
        if (words >= 0)
            own = words, as_user = strcmp(base, "sudo") == 0;
        else if (as_user && strcmp(base, "-u") == 0)
            own = 1;
        else if (!is_aside(base) && own > 0)
            own--;
        else if (!is_aside(base)) {
            text_add(name, "%s", base);
            if (at[0] == ' ' && islower((unsigned char)at[1]) && next_word(&at, word, &ends) &&
                is_plain_word(word))
                text_add(name, "-%s", word);
            return;
        }
    }
}

const char *shell_find_client(const char *command) {
    static const char *const clients[] = {"psql",          "pg_dump",  "pg_dumpall", "pg_restore",
                                          "pg_basebackup", "vacuumdb", "reindexdb",  "clusterdb",
                                          "createdb",      "dropdb",   "pg_repack",  "pgbench"};
    char word[WORD_BYTES_MOST];
    bool ends;
    for (const char *at = command; next_word(&at, word, &ends);) {
        const char *base = base_of(word);
        for (size_t i = 0; i < sizeof clients / sizeof *clients; i++)
            if (strcmp(base, clients[i]) == 0)
                return clients[i];
    }
    return NULL;
}
