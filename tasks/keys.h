/*
 * The keys of a section as a table: name, type, default, bounds, and where the value goes; and what a section
 * may be called. config.c and config_task.c have the tables; etc/full.ini says what each key means.
 */
#ifndef TASKS_KEYS_H
#define TASKS_KEYS_H

#include "tasks/inifile.h"

enum key_kind {
    KEY_DURATION, /* int64_t, in us */
    KEY_RANGE,    /* two of them, shorter and longer: "15s..20s", or one duration for both */
    KEY_COUNT,    /* uint32_t */
    KEY_BYTES,    /* uint64_t: "16MiB" */
    KEY_CHOICE,   /* int: index into choices */
    KEY_SWITCH,   /* bool */
    KEY_TEXT,     /* const char *, the value itself: borrowed */
};

/* A table ends with a key that has no name. */
struct key {
    const char *name;
    enum key_kind kind;
    size_t offset;       /* of the field in the section's struct */
    const char *initial; /* as written in a file; NULL: none */
    int64_t least, most; /* KEY_DURATION in us, KEY_COUNT, KEY_BYTES */
    const char *const *choices;
};

/*
 * Puts the value where the key says it goes in `into`. False when it is wrong: then nothing is changed, and
 * `wrong`, which was empty, has the value and why, such as "'5' has no unit; write one of ms, s".
 */
bool keys_read_value(const struct key *key, const char *value, void *into, struct text *wrong)
    __attribute__((warn_unused_result));

/* Fills `into` with the defaults and then with what the section says; adds to faults what is wrong. */
void keys_read(const struct key *keys, const struct inifile_section *section, void *into,
               struct faults *faults);

/* NULL when the section does not have the key. */
const struct inifile_entry *keys_find(const struct inifile_section *section, const char *key);

/* Of the key, or of the section when it does not have it. */
uint32_t keys_line(const struct inifile_section *section, const char *key);

/* Whether the section is [KIND NAME]. */
bool keys_is_kind(const struct inifile_section *section, const char *kind);

/* The name in [KIND NAME]; "" after a fault. Borrowed from the section. */
const char *keys_section_name(const struct inifile_section *section, struct faults *faults);

/* Names go into file names, SQL comments, metrics and logs, none of which may need to quote them. */
#define KEYS_NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."

/* Of a task, a pool or the file. False after a fault. */
bool keys_check_name(const char *name, uint32_t line, struct faults *faults);

#endif
