#include "tasks/keys.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/duration.h"
#include "tasks/size.h"
#include "tasks/suggest.h"
#include "tasks/task.h"

/* --- names --- */

bool keys_check_name(const char *name, uint32_t line, struct faults *faults) {
    size_t length = strspn(name, KEYS_NAME_LETTERS);
    if (length == 0 || name[length])
        fault_add(faults, line, "the name '%s' may hold letters, digits, '_', '-' and '.' only", name);
    else if (length > NAME_BYTES_MAX)
        fault_add(faults, line, "the name '%s' is %zu bytes; the limit is %d", name, length, NAME_BYTES_MAX);
    else
        return true;
    return false;
}

bool keys_is_kind(const struct inifile_section *section, const char *kind) {
    size_t length = strlen(kind);
    return strncmp(section->name, kind, length) == 0 && section->name[length] == ' ';
}

const char *keys_section_name(const struct inifile_section *section, struct faults *faults) {
    const char *name = strchr(section->name, ' ') + 1;
    return keys_check_name(name, section->line, faults) ? name : "";
}

/* --- one value --- */

static void read_duration(const struct key *key, const char *value, int64_t *field, struct text *wrong) {
    int64_t us;
    char least[DURATION_TEXT_BYTES], most[DURATION_TEXT_BYTES];
    const char *clause = duration_parse(value, &us);
    if (clause)
        text_add(wrong, "'%s' %s", value, clause);
    else if (us < key->least || us > key->most)
        text_add(wrong, "'%s' is out of bounds; it goes from %s to %s", value,
                 duration_format(key->least, least), duration_format(key->most, most));
    else
        *field = us;
}

static void read_range(const struct key *key, const char *value, int64_t field[2], struct text *wrong) {
    const char *dots = strstr(value, "..");
    int64_t ends_us[2];
    struct text low = {0};
    text_add_bytes(&low, value, dots ? (size_t)(dots - value) : strlen(value));
    read_duration(key, low.bytes, &ends_us[0], wrong);
    if (wrong->bytes_count == 0)
        read_duration(key, dots ? dots + 2 : low.bytes, &ends_us[1], wrong);
    if (wrong->bytes_count == 0 && ends_us[1] < ends_us[0])
        text_add(wrong, "'%s' ends before it begins; write the shorter one first", value);
    if (wrong->bytes_count == 0)
        memcpy(field, ends_us, sizeof ends_us);
    text_finish(&low);
}

static void read_count(const struct key *key, const char *value, uint32_t *field, struct text *wrong) {
    size_t digits = strspn(value, "0123456789");
    int64_t number = digits && digits < 10 ? strtoll(value, NULL, 10) : INT64_MAX;
    if (digits == 0 || value[digits])
        text_add(wrong, "'%s' is not a whole number", value);
    else if (number < key->least || number > key->most)
        text_add(wrong, "'%s' is out of bounds; it goes from %" PRId64 " to %" PRId64, value, key->least,
                 key->most);
    else
        *field = (uint32_t)number;
}

static void read_bytes(const struct key *key, const char *value, uint64_t *field, struct text *wrong) {
    uint64_t bytes, least_bytes = (uint64_t)key->least, most_bytes = (uint64_t)key->most;
    char least[SIZE_TEXT_BYTES], most[SIZE_TEXT_BYTES];
    const char *clause = size_parse(value, &bytes);
    if (clause)
        text_add(wrong, "'%s' %s", value, clause);
    else if (bytes < least_bytes || bytes > most_bytes)
        text_add(wrong, "'%s' is out of bounds; it goes from %s to %s", value,
                 size_format(least_bytes, least), size_format(most_bytes, most));
    else
        *field = bytes;
}

static void read_choice(const struct key *key, const char *value, int *field, struct text *wrong) {
    for (int i = 0; key->choices[i]; i++) {
        if (strcmp(value, key->choices[i]) == 0) {
            *field = i;
            return;
        }
    }
    text_add(wrong, "'%s' is none of %s", value, key->choices[0]);
    for (int i = 1; key->choices[i]; i++)
        text_add(wrong, " | %s", key->choices[i]);
}

bool keys_read_value(const struct key *key, const char *value, void *into, struct text *wrong) {
    void *field = (char *)into + key->offset;
    switch (key->kind) {
    case KEY_DURATION: read_duration(key, value, field, wrong); break;
    case KEY_RANGE: read_range(key, value, field, wrong); break;
    case KEY_COUNT: read_count(key, value, field, wrong); break;
    case KEY_BYTES: read_bytes(key, value, field, wrong); break;
    case KEY_CHOICE: read_choice(key, value, field, wrong); break;
    case KEY_SWITCH:
        if (strcmp(value, "on") == 0 || strcmp(value, "off") == 0)
            *(bool *)field = value[1] == 'n';
        else
            text_add(wrong, "'%s' is neither on nor off", value);
        break;
    case KEY_TEXT: *(const char **)field = value; break;
    }
    return wrong->bytes_count == 0;
}

/* --- one section --- */

static void refuse_unknown_key(const struct key *keys, const struct inifile_section *section,
                               const struct inifile_entry *entry, struct faults *faults) {
    const char *near = NULL;
    for (const struct key *key = keys; key->name; key++)
        near = suggest_better(entry->key, near, key->name);
    fault_add(faults, entry->line, "[%s] has no key '%s'%s", section->name, entry->key,
              near ? SUGGEST_TEXT(near) : "; etc/full.ini lists them all");
}

const struct inifile_entry *keys_find(const struct inifile_section *section, const char *key) {
    for (uint32_t i = 0; i < section->entry_count; i++)
        if (strcmp(section->entries[i].key, key) == 0)
            return &section->entries[i];
    return NULL;
}

uint32_t keys_line(const struct inifile_section *section, const char *key) {
    const struct inifile_entry *entry = keys_find(section, key);
    return entry ? entry->line : section->line;
}

void keys_read(const struct key *keys, const struct inifile_section *section, void *into,
               struct faults *faults) {
    struct text wrong = {0};
    for (const struct key *key = keys; key->name; key++)
        if (key->initial && !keys_read_value(key, key->initial, into, &wrong))
            assert(!"a default is right");
    for (uint32_t i = 0; i < section->entry_count; i++) {
        const struct inifile_entry *entry = &section->entries[i];
        const struct key *key = keys;
        while (key->name && strcmp(key->name, entry->key) != 0)
            key++;
        if (!key->name)
            refuse_unknown_key(keys, section, entry, faults);
        else if (*entry->value == '\0')
            fault_add(faults, entry->line, "'%s' is empty; give it a value or remove the line", entry->key);
        else if (!keys_read_value(key, entry->value, into, &wrong))
            fault_add(faults, entry->line, "%s = %s", key->name, wrong.bytes);
        text_clear(&wrong);
    }
    text_finish(&wrong);
}
