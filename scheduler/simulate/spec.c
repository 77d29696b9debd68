#include "scheduler/simulate/spec.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/duration.h"
#include "tasks/suggest.h"

#define SESSIONS_MOST 100000

static const struct key {
    const char *name;
    bool is_duration;
    size_t offset;
} keys[] = {
    {"sessions", false, offsetof(struct simulate_foreground, session_count)},
    {"burst", false, offsetof(struct simulate_foreground, burst_count)},
    {"every", true, offsetof(struct simulate_foreground, burst_every_us)},
    {"for", true, offsetof(struct simulate_foreground, burst_for_us)},
    {"active", false, offsetof(struct simulate_foreground, active_count)},
};

#define KEYS_COUNT (sizeof keys / sizeof *keys)

static bool read_count(const struct key *key, const char *value, uint32_t *field, struct text *error) {
    size_t digits = strspn(value, "0123456789");
    unsigned long number = digits && digits < 10 ? strtoul(value, NULL, 10) : SESSIONS_MOST + 1;
    if (digits == 0 || value[digits])
        text_add(error, "%s=%s is not a whole number; write %s=20, say", key->name, value, key->name);
    else if (number > SESSIONS_MOST)
        text_add(error, "%s=%s is too much; the most is %d", key->name, value, SESSIONS_MOST);
    else
        *field = (uint32_t)number;
    return error->bytes_count == 0;
}

static bool read_duration(const char *name, const char *value, int64_t *field, struct text *error) {
    int64_t us;
    const char *wrong = duration_parse(value, &us);
    if (wrong)
        text_add(error, "%s=%s %s; write %s=20s, say", name, value, wrong, name);
    else if (us < 1)
        text_add(error, "%s=%s is nothing; leave it out, or write %s=20s, say", name, value, name);
    else
        *field = us;
    return error->bytes_count == 0;
}

static const struct key *find_key(const char *name, size_t length) {
    for (size_t i = 0; i < KEYS_COUNT; i++)
        if (strlen(keys[i].name) == length && strncmp(keys[i].name, name, length) == 0)
            return &keys[i];
    return NULL;
}

static bool read_piece(char *piece, struct simulate_foreground *foreground, struct text *error) {
    char *equals = strchr(piece, '=');
    const struct key *key = equals ? find_key(piece, (size_t)(equals - piece)) : NULL;
    if (!key) {
        text_add(error,
                 equals ? "there is no key in '%s'; the keys are" : "'%s' is not key=value; the keys are",
                 piece);
        for (size_t i = 0; i < KEYS_COUNT; i++)
            text_add(error, "%s %s", i ? "," : "", keys[i].name);
        return false;
    }
    void *field = (char *)foreground + key->offset;
    return key->is_duration ? read_duration(key->name, equals + 1, field, error)
                            : read_count(key, equals + 1, field, error);
}

/* A burst needs all three of its keys, and ends before the next. */
static bool check_burst(const struct simulate_foreground *foreground, struct text *error) {
    char every[DURATION_TEXT_BYTES], last[DURATION_TEXT_BYTES];
    bool burst = foreground->burst_count > 0, every_said = foreground->burst_every_us > 0,
         for_said = foreground->burst_for_us > 0;
    if (burst && (!every_said || !for_said))
        text_add(error, "burst=%" PRIu32 " does not say %s; write burst=%" PRIu32 ",every=10min,for=20s, say",
                 foreground->burst_count, every_said ? "for how long" : "how often", foreground->burst_count);
    else if (!burst && (every_said || for_said))
        text_add(error, "%s belongs to a burst; add burst=30, say", every_said ? "every" : "for");
    else if (burst && foreground->burst_for_us >= foreground->burst_every_us)
        text_add(error, "for=%s is not below every=%s; sessions that never leave are sessions=%" PRIu32,
                 duration_format(foreground->burst_for_us, last),
                 duration_format(foreground->burst_every_us, every), foreground->burst_count);
    return error->bytes_count == 0;
}

bool simulate_spec_foreground(const char *text, struct simulate_foreground *ret, struct text *error) {
    struct simulate_foreground foreground = {0};
    struct text copy = {0};
    bool fine = true;
    text_add(&copy, "%s", text);
    for (char *piece = copy.bytes, *next; fine && piece; piece = next) {
        next = strchr(piece, ',');
        if (next)
            *next++ = '\0';
        fine = read_piece(piece, &foreground, error);
    }
    text_finish(&copy);
    if (!fine || !check_burst(&foreground, error))
        return false;
    *ret = foreground;
    return true;
}

bool simulate_spec_took(const char *text, const struct taskset *set, uint32_t *ret_task, int64_t *ret_us,
                        struct text *error) {
    const char *equals = strrchr(text, '=');
    struct text name = {0};
    uint32_t task = TASKSET_NONE;
    int64_t us = 0;
    text_add(&name, "%.*s", equals ? (int)(equals - text) : 0, text);
    if (equals && (task = taskset_find_task(set, name.bytes)) == TASKSET_NONE) {
        const char *near = taskset_nearest_task(set, name.bytes);
        text_add(error, "there is no [task %s]%s", name.bytes, near ? SUGGEST_TEXT(near) : " in this file");
    } else if (read_duration(equals ? name.bytes : "took", equals ? equals + 1 : text, &us, error)) {
        *ret_task = task;
        *ret_us = us;
    }
    text_finish(&name);
    return error->bytes_count == 0;
}
