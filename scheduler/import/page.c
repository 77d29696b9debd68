#include "scheduler/import/page.h"

#include <ctype.h>
#include <string.h>

#include "tasks/inifile.h"

#define REMARK_WIDTH 110
#define WORDS_WIDTH  110 /* of a command; it takes several lines where it is wider */
#define PLAIN                                                                                                \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,^" /* needs no quotes */

/* --- comments --- */

/* One line of a remark, broken between words. */
static void add_remark(struct text *page, const char *at, size_t length) {
    while (length > 0) {
        size_t most = length;
        while (most > REMARK_WIDTH) {
            size_t blank = most - 1;
            while (blank > 0 && at[blank] != ' ')
                blank--;
            if (blank == 0)
                break; /* a word as wide as that stays whole: a comment may have any length */
            most = blank;
        }
        text_add_line(page, "# %.*s", (int)most, at);
        at += most;
        length -= most;
        while (length > 0 && *at == ' ')
            at++, length--;
    }
}

void page_remark(struct text *page, const char *format, ...) {
    struct text remark = {0};
    va_list list;
    va_start(list, format);
    text_addv(&remark, format, list);
    va_end(list);
    for (const char *at = remark.bytes; *at;) {
        size_t length = strcspn(at, "\n");
        add_remark(page, at, length);
        at += length + (at[length] == '\n');
    }
    text_finish(&remark);
}

void page_comment(struct text *page, const char *line) {
    text_add_line(page, "%s", line);
}

void page_keep(struct text *page, const char *lines) {
    while (*lines) {
        int length = (int)strcspn(lines, "\n");
        text_add_line(page, "#     %.*s", length, lines);
        lines += length + (lines[length] == '\n');
    }
}

/* --- values --- */

void page_section(struct text *page, const char *kind, const char *name) {
    text_add(page, "[%s%s%s]\n", kind, *name ? " " : "", name);
}

/* What inih would take for the end of the value. */
static bool begins_comment(const char *text) {
    for (; *text; text++)
        if (isspace((unsigned char)text[0]) && text[1] == ';')
            return true;
    return false;
}

bool page_value(struct text *page, const char *key, const char *value) {
    size_t length = strlen(value), all = strlen(key) + strlen(" = ") + length;
    if (length == 0 || all > INIFILE_LINE_BYTES_MAX || begins_comment(value) || strpbrk(value, "\n\r\f\v"))
        return false;
    if (isspace((unsigned char)*value) || isspace((unsigned char)value[length - 1]) || *value == ';')
        return false;
    text_add(page, "%s = %s\n", key, value);
    return true;
}

static void add_word(struct text *line, const char *word) {
    if (*word && word[strspn(word, PLAIN)] == '\0') {
        text_add(line, "%s", word);
    } else if (strchr(word, '\'') && !strpbrk(word, "\"\\$`")) {
        text_add(line, "\"%s\"", word);
    } else {
        text_add(line, "'");
        for (const char *at = word; *at; at++)
            text_add(line, *at == '\'' ? "'\\''" : "%c", *at);
        text_add(line, "'");
    }
}

static bool holds_word(const char *word, struct text *line) {
    if (begins_comment(word) || strpbrk(word, "\n\r\f\v"))
        return false;
    text_clear(line);
    add_word(line, word);
    return line->bytes_count + PAGE_INDENT <= INIFILE_LINE_BYTES_MAX;
}

bool page_holds_word(const char *word) {
    struct text line = {0};
    bool holds = holds_word(word, &line);
    text_finish(&line);
    return holds;
}

/* To the line that is being filled, or to the next one. Its first word makes a line as wide as it wants. */
static void fill(struct text *lines, size_t *width, const char *word, size_t length) {
    bool begins = *width == 0 || *width + 1 + length > WORDS_WIDTH;
    if (begins)
        text_add(lines, "\n%*s%s", PAGE_INDENT, "", word);
    else
        text_add(lines, " %s", word);
    *width = begins ? PAGE_INDENT + length : *width + 1 + length;
}

bool page_words(struct text *page, const char *key, const char *const *words, size_t count) {
    struct text word = {0}, lines = {0}, all = {0};
    bool holds = count > 0;
    size_t width = 0;
    text_add(&all, "%s =", key);
    text_add(&lines, "%s =", key);
    for (size_t i = 0; i < count && holds; i++) {
        holds = holds_word(words[i], &word);
        if (holds) {
            text_add(&all, " %s", word.bytes);
            fill(&lines, &width, word.bytes, word.bytes_count);
        }
    }
    if (holds)
        text_add(page, "%s\n", all.bytes_count <= WORDS_WIDTH ? all.bytes : lines.bytes);
    text_finish(&word);
    text_finish(&lines);
    text_finish(&all);
    return holds;
}
