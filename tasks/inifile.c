/*
 * inih asks for one line at a time. Each line is judged before inih gets it; a refused line is replaced by an
 * empty one, so that what inih then sees it can read without loss. inih calls the handler for a line before
 * it asks for the next, which is how a key gets its line number.
 */
#include "tasks/inifile.h"

#include <assert.h>
#include <ctype.h>
#include <ini.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What an indented line would continue. */
enum open {
    OPEN_NOTHING, /* a section, or nothing at all */
    OPEN_VALUE,   /* the last entry's */
    OPEN_REFUSED, /* a line that was refused: what continues that is left out in silence */
};

struct reading {
    const char *at, *end; /* what is left of the text */
    uint32_t line;        /* the line inih got last */
    enum open open;
    bool section_faulty; /* a key of the section was refused, so it is not empty */
    uint32_t value_line; /* the last line that belongs to the open value */
    struct arena *arena, *tables;
    struct faults *faults;
    struct inifile_section *sections;
    uint32_t section_count, section_capacity;
    struct inifile_entry *entries; /* of the section being read */
    uint32_t entry_count, entry_capacity;
    struct text value; /* of the entry being read */
};

static void *grown(void *items, uint32_t count, uint32_t *capacity, size_t item_bytes) {
    if (count < *capacity)
        return items;
    *capacity = *capacity ? *capacity * 2 : 16;
    items = realloc(items, *capacity * item_bytes);
    if (!items)
        abort();
    return items;
}

static void entry_close(struct reading *r) {
    if (r->open == OPEN_VALUE) {
        struct inifile_entry *entry = &r->entries[r->entry_count - 1];
        entry->value = arena_text(r->arena, r->value.bytes ? r->value.bytes : "", r->value.bytes_count);
    }
    r->open = OPEN_NOTHING;
    text_clear(&r->value);
}

/* A section or a key, to find those of one name. */
struct mention {
    const char *name;
    uint32_t line;
};

static int compare_mentions(const void *a, const void *b) {
    const struct mention *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->line > y->line) - (x->line < y->line);
}

/* format: of the name, and of the line where it stands first. A section whose name was refused has none. */
static void refuse_duplicates(struct mention *mentions, uint32_t count, const char *format,
                              struct faults *faults) {
    qsort(mentions, count, sizeof *mentions, compare_mentions);
    for (uint32_t i = 1; i < count; i++)
        if (*mentions[i].name && strcmp(mentions[i - 1].name, mentions[i].name) == 0)
            fault_add(faults, mentions[i].line, format, mentions[i].name, mentions[i - 1].line);
}

static void section_close(struct reading *r) {
    entry_close(r);
    if (r->section_count == 0)
        return;
    struct inifile_section *section = &r->sections[r->section_count - 1];
    if (r->entry_count == 0 && !r->section_faulty)
        fault_add(r->faults, section->line, "[%s] is empty; give it its keys or remove it", section->name);
    struct mention *keys = arena_alloc(r->tables, (r->entry_count + 1) * sizeof *keys);
    for (uint32_t i = 0; i < r->entry_count; i++)
        keys[i] = (struct mention){r->entries[i].key, r->entries[i].line};
    refuse_duplicates(keys, r->entry_count, "'%s' stands here a second time; the first is on line %u",
                      r->faults);
    section->entries = arena_alloc(r->tables, (r->entry_count + 1) * sizeof *section->entries);
    if (r->entry_count)
        memcpy(section->entries, r->entries, r->entry_count * sizeof *section->entries);
    section->entry_count = r->entry_count;
    section->incomplete = r->section_faulty;
    r->entry_count = 0;
}

static void section_open(struct reading *r, const char *name, size_t name_bytes) {
    section_close(r);
    r->sections = grown(r->sections, r->section_count, &r->section_capacity, sizeof *r->sections);
    r->sections[r->section_count++] =
        (struct inifile_section){.name = arena_text(r->arena, name, name_bytes), .line = r->line};
    r->section_faulty = name_bytes == 0;
}

static const char *skip_blanks(const char *at, const char *end) {
    while (at < end && isspace((unsigned char)*at))
        at++;
    return at;
}

static bool is_comment(const char *at) {
    return *at == '#' || *at == ';';
}

/* inih ends a value at the first blank followed by a semicolon. */
static bool has_inline_comment(const char *at, const char *end) {
    for (; at + 1 < end; at++)
        if (isspace((unsigned char)at[0]) && at[1] == ';')
            return true;
    return false;
}

static bool looks_like_section(const char *at, const char *end) {
    static const char *const starts[] = {"[task ", "[pool ", "[group ", "[headgate]"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if ((size_t)(end - at) >= strlen(starts[i]) && memcmp(at, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

/* Each judge says whether inih may see the line; a fault is noted where it may not. */

static bool judge_continuation(struct reading *r, const char *at, const char *end) {
    const char *key = r->open == OPEN_VALUE ? r->entries[r->entry_count - 1].key : NULL;
    if (r->open == OPEN_REFUSED)
        return false;
    if (!key)
        fault_add(r->faults, r->line,
                  "indented, but there is no value to continue; keys start in the first column");
    else if (is_comment(at))
        fault_add(r->faults, r->line,
                  "an indented '%c' line would be cut from the value of '%s'; comments start in the first "
                  "column",
                  *at, key);
    else if (looks_like_section(at, end))
        fault_add(r->faults, r->line,
                  "an indented section would continue the value of '%s'; sections start in the first column",
                  key);
    else
        return true;
    return false;
}

static bool judge_section(struct reading *r, const char *at, const char *end) {
    const char *close = memchr(at, ']', (size_t)(end - at));
    size_t name_bytes = close ? (size_t)(close - at - 1) : 0;
    if (!close)
        fault_add(r->faults, r->line, "the section has no ']'");
    else if (name_bytes == 0)
        fault_add(r->faults, r->line, "the section has no name");
    else if (skip_blanks(close + 1, end) != end)
        fault_add(r->faults, r->line, "text after ']' would be dropped; write it on a line of its own");
    else if (name_bytes > INIFILE_NAME_BYTES_MAX)
        fault_add(r->faults, r->line, "the section's name is %zu bytes; the limit is %d", name_bytes,
                  INIFILE_NAME_BYTES_MAX);
    else {
        section_open(r, at + 1, name_bytes);
        return true;
    }
    section_open(r, "", 0); /* its keys must not fall to the section before */
    r->open = OPEN_REFUSED;
    return false;
}

static bool judge_key(struct reading *r, const char *at, const char *end) {
    const char *equals = memchr(at, '=', (size_t)(end - at));
    const char *colon = memchr(at, ':', (size_t)((equals ? equals : end) - at));
    size_t key_bytes = equals ? (size_t)(equals - at) : 0;
    while (key_bytes && isspace((unsigned char)at[key_bytes - 1]))
        key_bytes--;
    entry_close(r);
    r->open = OPEN_REFUSED;
    if (r->section_count && r->sections[r->section_count - 1].name[0] == '\0')
        return false;
    if (!equals)
        fault_add(r->faults, r->line,
                  "neither a section, a comment nor 'key = value'; a long value continues on indented lines");
    else if (colon)
        fault_add(r->faults, r->line, "a ':' stands before the '='; write key = value");
    else if (key_bytes == 0)
        fault_add(r->faults, r->line, "there is no key before the '='");
    else if (key_bytes > INIFILE_NAME_BYTES_MAX)
        fault_add(r->faults, r->line, "the key is %zu bytes; the limit is %d", key_bytes,
                  INIFILE_NAME_BYTES_MAX);
    else if (r->section_count == 0)
        fault_add(r->faults, r->line, "'%.*s' stands before the first section", (int)key_bytes, at);
    else {
        r->open = OPEN_NOTHING; /* until take_value() has it */
        return true;
    }
    r->section_faulty = true;
    return false;
}

/* What may be wrong with any line, whatever it says; NULL: nothing. A format for its length and the most that
 * may be. */
static const char *line_fault(const char *line, const char *end) {
    if (memchr(line, '\0', (size_t)(end - line)))
        return "holds a NUL byte; this is not a text file";
    if (end - line > INIFILE_LINE_BYTES_MAX)
        return "is %zu bytes long and the limit is %d; continue the value on an indented line";
    if (has_inline_comment(line, end))
        return "a blank before ';' starts a comment here and would cut the value; write ';' without the "
               "blank";
    return NULL;
}

static bool judge_line(struct reading *r, const char *line, const char *end) {
    const char *at = skip_blanks(line, end);
    if (at == end)
        return true;
    bool comment = is_comment(at) && (at == line || r->open == OPEN_NOTHING);
    bool holds_nul = memchr(line, '\0', (size_t)(end - line)) != NULL;
    bool continues = at > line && !comment;
    const char *fault = line_fault(line, end);
    if (comment && !holds_nul)
        return true;
    if (!fault && continues)
        return judge_continuation(r, at, end);
    if (!fault)
        return *at == '[' ? judge_section(r, at, end) : judge_key(r, at, end);
    fault_add(r->faults, r->line, fault, (size_t)(end - line), INIFILE_LINE_BYTES_MAX);
    if (continues || comment)
        return false;
    if (*at == '[') /* what hangs on the line must neither be missed nor fall to what stood before it */
        section_open(r, "", 0);
    entry_close(r);
    r->section_faulty = true;
    r->open = OPEN_REFUSED;
    return false;
}

/* inih's reader: at most bytes - 1 characters and a NUL, as fgets would. */
static char *next_line(char *buffer, int bytes, void *stream) {
    struct reading *r = stream;
    if (r->at == r->end)
        return NULL;
    const char *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
    const char *line = r->at;
    const char *end = newline ? newline : r->end;
    r->at = newline ? newline + 1 : r->end;
    r->line++;
    if (end > line && end[-1] == '\r')
        end--;
    size_t length = judge_line(r, line, end) ? (size_t)(end - line) : 0;
    if (length > INIFILE_LINE_BYTES_MAX) /* a long comment */
        length = 0;
    assert((int)length + 2 <= bytes);
    memcpy(buffer, line, length);
    buffer[length] = '\n';
    buffer[length + 1] = '\0';
    return buffer;
}

/* inih's handler: a new key, or one more line of the open one. */
static int take_value(void *user, const char *section, const char *name, const char *value) {
    struct reading *r = user;
    (void)section;
    if (r->open != OPEN_VALUE) {
        r->entries = grown(r->entries, r->entry_count, &r->entry_capacity, sizeof *r->entries);
        r->entries[r->entry_count++] =
            (struct inifile_entry){arena_text(r->tables, name, strlen(name)), "", r->line};
        r->open = OPEN_VALUE;
    } else if (r->value.bytes_count) {
        for (uint32_t line = r->value_line; line < r->line; line++) /* inih drops blank lines */
            text_add_bytes(&r->value, "\n", 1);
    }
    r->value_line = r->line;
    text_add_bytes(&r->value, value, strlen(value));
    return 1;
}

void inifile_read(const char *text, size_t text_bytes, struct arena *arena, struct arena *tables,
                  struct faults *faults, struct inifile *ret) {
    if (text_bytes >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) { /* a byte order mark */
        text += 3;
        text_bytes -= 3;
    }
    struct reading r = {
        .at = text, .end = text + text_bytes, .arena = arena, .tables = tables, .faults = faults};
    int bad_line = ini_parse_stream(next_line, &r, take_value, &r);
    if (bad_line)
        fault_add(faults, (uint32_t)(bad_line > 0 ? bad_line : 0), "inih cannot read this line");
    section_close(&r);
    struct mention *names = arena_alloc(tables, (r.section_count + 1) * sizeof *names);
    for (uint32_t i = 0; i < r.section_count; i++)
        names[i] = (struct mention){r.sections[i].name, r.sections[i].line};
    refuse_duplicates(names, r.section_count, "[%s] stands here a second time; the first is on line %u",
                      faults);
    struct inifile_section *sections = arena_alloc(tables, (r.section_count + 1) * sizeof *sections);
    if (r.section_count)
        memcpy(sections, r.sections, r.section_count * sizeof *sections);
    *ret = (struct inifile){sections, r.section_count};
    free(r.sections);
    free(r.entries);
    text_finish(&r.value);
}
