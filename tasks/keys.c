/*
 * Reads a section by a table of its keys. What is wrong with a value is said in the words of the file.
 */
#include "tasks/keys.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/duration.h"
#include "tasks/size.h"
#include "tasks/suggest.h"

/* --- one value --- */

static void read_duration(const struct key *key, const struct inifile_entry *entry, void *field,
                          struct faults *faults) {
    int64_t us;
    char least[DURATION_TEXT_BYTES], most[DURATION_TEXT_BYTES];
    enum duration_error error = duration_parse(entry->value, &us);
    if (error != DURATION_OK)
        fault_add(faults, entry->line, "%s = '%s' %s", key->name, entry->value, duration_error_text(error));
    else if (us < key->least || us > key->most)
        fault_add(faults, entry->line, "%s = '%s' is out of bounds; it goes from %s to %s", key->name,
                  entry->value, duration_format(key->least, least), duration_format(key->most, most));
    else
        memcpy(field, &us, sizeof us);
}

/* "15s..20s", or one duration for both ends. */
static void read_range(const struct key *key, const struct inifile_entry *entry, int64_t ends_us[2],
                       struct faults *faults) {
    const char *dots = strstr(entry->value, "..");
    struct text low = {0};
    struct inifile_entry ends[2] = {*entry, *entry};
    text_add_bytes(&low, entry->value, dots ? (size_t)(dots - entry->value) : strlen(entry->value));
    ends[0].value = low.bytes;
    ends[1].value = dots ? dots + 2 : low.bytes;
    size_t faults_before = faults->count;
    read_duration(key, &ends[0], &ends_us[0], faults);
    if (dots)
        read_duration(key, &ends[1], &ends_us[1], faults);
    else
        ends_us[1] = ends_us[0];
    if (faults->count == faults_before && ends_us[1] < ends_us[0])
        fault_add(faults, entry->line, "%s = '%s' ends before it begins; write the shorter one first",
                  key->name, entry->value);
    text_finish(&low);
}

static void read_count(const struct key *key, const struct inifile_entry *entry, void *field,
                       struct faults *faults) {
    size_t digits = strspn(entry->value, "0123456789");
    int64_t number = digits && digits < 10 ? strtoll(entry->value, NULL, 10) : INT64_MAX;
    if (digits == 0 || entry->value[digits])
        fault_add(faults, entry->line, "%s = '%s' is not a whole number", key->name, entry->value);
    else if (number < key->least || number > key->most)
        fault_add(faults, entry->line, "%s = '%s' is out of bounds; it goes from %" PRId64 " to %" PRId64,
                  key->name, entry->value, key->least, key->most);
    else
        *(uint32_t *)field = (uint32_t)number;
}

static void read_bytes(const struct key *key, const struct inifile_entry *entry, void *field,
                       struct faults *faults) {
    uint64_t bytes;
    char least[SIZE_TEXT_BYTES], most[SIZE_TEXT_BYTES];
    enum size_error error = size_parse(entry->value, &bytes);
    if (error != SIZE_OK)
        fault_add(faults, entry->line, "%s = '%s' %s", key->name, entry->value, size_error_text(error));
    else if (bytes < (uint64_t)key->least || bytes > (uint64_t)key->most)
        fault_add(faults, entry->line, "%s = '%s' is out of bounds; it goes from %s to %s", key->name,
                  entry->value, size_format((uint64_t)key->least, least),
                  size_format((uint64_t)key->most, most));
    else
        memcpy(field, &bytes, sizeof bytes);
}

static void read_choice(const struct key *key, const struct inifile_entry *entry, void *field,
                        struct faults *faults) {
    struct text all = {0};
    for (int i = 0; key->choices[i]; i++) {
        if (strcmp(entry->value, key->choices[i]) == 0) {
            *(int *)field = i;
            text_finish(&all);
            return;
        }
        text_add(&all, "%s%s", i ? " | " : "", key->choices[i]);
    }
    fault_add(faults, entry->line, "%s = '%s' is none of %s", key->name, entry->value, all.bytes);
    text_finish(&all);
}

static void read_switch(const struct key *key, const struct inifile_entry *entry, void *field,
                        struct faults *faults) {
    if (strcmp(entry->value, "on") == 0)
        *(bool *)field = true;
    else if (strcmp(entry->value, "off") == 0)
        *(bool *)field = false;
    else
        fault_add(faults, entry->line, "%s = '%s' is neither on nor off", key->name, entry->value);
}

static void read_value(const struct key *key, const struct inifile_entry *entry, void *section,
                       struct faults *faults) {
    void *field = (char *)section + key->offset;
    switch (key->kind) {
    case KEY_DURATION: read_duration(key, entry, field, faults); break;
    case KEY_RANGE: read_range(key, entry, field, faults); break;
    case KEY_COUNT: read_count(key, entry, field, faults); break;
    case KEY_BYTES: read_bytes(key, entry, field, faults); break;
    case KEY_CHOICE: read_choice(key, entry, field, faults); break;
    case KEY_SWITCH: read_switch(key, entry, field, faults); break;
    case KEY_TEXT: *(const char **)field = entry->value; break;
    }
}

/* --- one section --- */

static void refuse_unknown_key(const struct key *keys, const struct inifile_section *section,
                               const struct inifile_entry *entry, struct faults *faults) {
    const char *near = NULL;
    for (const struct key *key = keys; key->name; key++)
        if (suggest_is_near(entry->key, key->name) &&
            (!near || suggest_distance(entry->key, key->name) < suggest_distance(entry->key, near)))
            near = key->name;
    if (near)
        fault_add(faults, entry->line, "[%s] has no key '%s'; did you mean '%s'?", section->name, entry->key,
                  near);
    else
        fault_add(faults, entry->line, "[%s] has no key '%s'; etc/full.ini lists them all", section->name,
                  entry->key);
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
    for (const struct key *key = keys; key->name; key++) {
        struct inifile_entry initial = {key->name, key->initial, section->line};
        if (key->initial)
            read_value(key, &initial, into, faults);
    }
    for (uint32_t i = 0; i < section->entry_count; i++) {
        const struct inifile_entry *entry = &section->entries[i];
        const struct key *key = keys;
        while (key->name && strcmp(key->name, entry->key) != 0)
            key++;
        if (!key->name)
            refuse_unknown_key(keys, section, entry, faults);
        else if (*entry->value == '\0')
            fault_add(faults, entry->line, "'%s' is empty; give it a value or remove the line", entry->key);
        else
            read_value(key, entry, into, faults);
    }
}
