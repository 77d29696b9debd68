#include "tasks/config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/duration.h"
#include "tasks/inifile.h"
#include "tasks/suggest.h"
#include "tasks/words.h"

enum key_kind { KEY_DURATION, KEY_RANGE, KEY_COUNT, KEY_CHOICE, KEY_SWITCH, KEY_TEXT };

struct key {
    const char *name;
    enum key_kind kind;
    size_t offset;       /* of the field in the section's struct */
    const char *initial; /* as written in a file; NULL: none */
    int64_t least, most; /* KEY_DURATION in us, KEY_COUNT */
    const char *const *choices;
};

static const char *const log_levels[] = {"error", "warning", "info", "debug", NULL};
static const char *const priorities[] = {"low", "normal", "high", NULL};
static const char *const overlaps[] = {"skip", "queue", "allow", NULL};
static const char *const session_cares[] = {"discard", "clean", NULL};

/* What a task's section says before it is put together. */
struct task_draft {
    struct task task;
    int64_t phase_us, patience_us; /* -1: not given */
    const char *sql, *sql_file, *command, *pool;
};

#define FIELD(type, field) offsetof(struct type, field)
#define YEARS_10           SCHEDULE_EVERY_MAX_US

static const struct key daemon_keys[] = {
    {"log_level", KEY_CHOICE, FIELD(daemon_settings, log_level), "info", 0, 0, log_levels},
    {"control", KEY_TEXT, FIELD(daemon_settings, control), "", 0, 0, NULL},
    {"status_file", KEY_TEXT, FIELD(daemon_settings, status_file), "", 0, 0, NULL},
    {"drain_timeout", KEY_DURATION, FIELD(daemon_settings, drain_timeout_us), "30s", 0, US_PER_DAY, NULL},
    {0},
};

static const struct key pool_keys[] = {
    {"conninfo", KEY_TEXT, FIELD(pool_settings, conninfo), "", 0, 0, NULL},
    {"pooler_conninfo", KEY_TEXT, FIELD(pool_settings, pooler_conninfo), "", 0, 0, NULL},
    {"size", KEY_COUNT, FIELD(pool_settings, size), "4", 1, POOL_SIZE_MAX, NULL},
    {"connect_timeout", KEY_DURATION, FIELD(pool_settings, connect_timeout_us), "10s", US_PER_MS, US_PER_H,
     NULL},
    {"statement_timeout", KEY_DURATION, FIELD(pool_settings, statement_timeout_us), "0", 0, 20 * US_PER_DAY,
     NULL},
    {"recycle", KEY_DURATION, FIELD(pool_settings, recycle_us), "30min", US_PER_S, YEARS_10, NULL},
    {"idle", KEY_DURATION, FIELD(pool_settings, idle_us), "10s", US_PER_MS, YEARS_10, NULL},
    {"ping", KEY_DURATION, FIELD(pool_settings, ping_us), "30s", US_PER_MS, YEARS_10, NULL},
    {"leak_warning", KEY_DURATION, FIELD(pool_settings, leak_warning_us), "30s", 0, YEARS_10, NULL},
    {"linger", KEY_DURATION, FIELD(pool_settings, linger_us), "1min", US_PER_S, US_PER_DAY, NULL},
    {"reserve", KEY_COUNT, FIELD(pool_settings, reserve), "0", 0, 100000, NULL},
    {"burst_window", KEY_DURATION, FIELD(pool_settings, burst_window_us), "5min", US_PER_S, US_PER_DAY, NULL},
    {"sample", KEY_DURATION, FIELD(pool_settings, sample_us), "1s", 10 * US_PER_MS, US_PER_H, NULL},
    {"sample_idle", KEY_DURATION, FIELD(pool_settings, sample_idle_us), "30s", 10 * US_PER_MS, US_PER_DAY,
     NULL},
    {"stale", KEY_DURATION, FIELD(pool_settings, stale_us), "3s", 20 * US_PER_MS, US_PER_DAY, NULL},
    {"cool_down", KEY_DURATION, FIELD(pool_settings, cool_down_us), "10s", 0, US_PER_DAY, NULL},
    {"high_samples", KEY_COUNT, FIELD(pool_settings, high_samples), "2", 1, 1000, NULL},
    {"clear_samples", KEY_COUNT, FIELD(pool_settings, clear_samples), "5", 1, 1000, NULL},
    {"active_high", KEY_COUNT, FIELD(pool_settings, active_high), "4", 0, 10000, NULL},
    {"lock_waiters_high", KEY_COUNT, FIELD(pool_settings, lock_waiters_high), "5", 0, 100000, NULL},
    {"round_trip_high", KEY_COUNT, FIELD(pool_settings, round_trip_high), "20", 0, 100000, NULL},
    {"replica_lag_high", KEY_DURATION, FIELD(pool_settings, replica_lag_high_us), "10s", 0, US_PER_DAY, NULL},
    {"pooler_waiting_high", KEY_COUNT, FIELD(pool_settings, pooler_waiting_high), "1", 0, 100000, NULL},
    {"low_watermark", KEY_COUNT, FIELD(pool_settings, low_watermark), "70", 1, 100, NULL},
    {"short", KEY_DURATION, FIELD(pool_settings, short_us), "20ms", 0, US_PER_S, NULL},
    {"max_wait", KEY_DURATION, FIELD(pool_settings, max_wait_us), "1min", US_PER_S, US_PER_DAY, NULL},
    {0},
};

static const struct key task_keys[] = {
    {"every", KEY_RANGE, FIELD(task_draft, task.schedule), NULL, US_PER_MS, YEARS_10, NULL},
    {"phase", KEY_DURATION, FIELD(task_draft, phase_us), NULL, 0, YEARS_10, NULL},
    {"sql", KEY_TEXT, FIELD(task_draft, sql), NULL, 0, 0, NULL},
    {"sql_file", KEY_TEXT, FIELD(task_draft, sql_file), NULL, 0, 0, NULL},
    {"command", KEY_TEXT, FIELD(task_draft, command), NULL, 0, 0, NULL},
    {"pool", KEY_TEXT, FIELD(task_draft, pool), NULL, 0, 0, NULL},
    {"tokens", KEY_COUNT, FIELD(task_draft, task.tokens), "1", 0, POOL_SIZE_MAX, NULL},
    {"priority", KEY_CHOICE, FIELD(task_draft, task.priority), "normal", 0, 0, priorities},
    {"patience", KEY_DURATION, FIELD(task_draft, patience_us), NULL, 0, YEARS_10, NULL},
    {"expect", KEY_DURATION, FIELD(task_draft, task.expect_us), "50ms", US_PER_MS, US_PER_DAY, NULL},
    {"timeout", KEY_DURATION, FIELD(task_draft, task.timeout_us), "0", 0, YEARS_10, NULL},
    {"overlap", KEY_CHOICE, FIELD(task_draft, task.overlap), "skip", 0, 0, overlaps},
    {"transaction", KEY_SWITCH, FIELD(task_draft, task.transaction), "on", 0, 0, NULL},
    {"session", KEY_CHOICE, FIELD(task_draft, task.session), "discard", 0, 0, session_cares},
    {"enabled", KEY_SWITCH, FIELD(task_draft, task.enabled), "on", 0, 0, NULL},
    {0},
};

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
static void read_range(const struct key *key, const struct inifile_entry *entry, struct schedule *schedule,
                       struct faults *faults) {
    const char *dots = strstr(entry->value, "..");
    struct text low = {0};
    struct inifile_entry ends[2] = {*entry, *entry};
    text_add_bytes(&low, entry->value, dots ? (size_t)(dots - entry->value) : strlen(entry->value));
    ends[0].value = low.bytes;
    ends[1].value = dots ? dots + 2 : low.bytes;
    size_t faults_before = faults->count;
    read_duration(key, &ends[0], &schedule->every_us, faults);
    if (dots)
        read_duration(key, &ends[1], &schedule->every_most_us, faults);
    else
        schedule->every_most_us = schedule->every_us;
    if (faults->count == faults_before && schedule->every_most_us < schedule->every_us)
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

static const struct inifile_entry *find_entry(const struct inifile_section *section, const char *key) {
    for (uint32_t i = 0; i < section->entry_count; i++)
        if (strcmp(section->entries[i].key, key) == 0)
            return &section->entries[i];
    return NULL;
}

static uint32_t line_of(const struct inifile_section *section, const char *key) {
    const struct inifile_entry *entry = find_entry(section, key);
    return entry ? entry->line : section->line;
}

static void read_section(const struct key *keys, const struct inifile_section *section, void *into,
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

/* --- the file --- */

struct reader {
    struct taskset *set;
    struct faults *faults;
    config_file_reader *read_file;
    void *context;
};

/* The name after "pool " or "task "; NULL after a fault. Names go into file names, SQL comments and logs. */
static const char *section_name(const struct reader *reader, const struct inifile_section *section) {
    const char *name = section->name + strlen("task ");
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");
    if (length == 0 || name[length])
        fault_add(reader->faults, section->line,
                  "the name '%s' may hold letters, digits, '_', '-' and '.' only", name);
    else if (length > NAME_BYTES_MAX)
        fault_add(reader->faults, section->line, "the name '%s' is %zu bytes; the limit is %d", name, length,
                  NAME_BYTES_MAX);
    else
        return name;
    return NULL;
}

static void read_pool(struct reader *reader, const struct inifile_section *section) {
    const char *name = section_name(reader, section);
    struct pool_settings *pool = &reader->set->pools[reader->set->pool_count];
    if (name && reader->set->pool_count == POOLS_MAX)
        fault_add(reader->faults, section->line, "this is pool %d; the limit is %d", POOLS_MAX + 1,
                  POOLS_MAX);
    else if (name)
        reader->set->pool_count++;
    *pool = (struct pool_settings){.name = name ? name : "", .line = section->line};
    read_section(pool_keys, section, pool, reader->faults);
    pool->conninfo_line = line_of(section, "conninfo");
    pool->pooler_conninfo_line = line_of(section, "pooler_conninfo");
}

static void refuse_command(struct reader *reader, uint32_t line, enum words_error error, const char *at) {
    switch (error) {
    case WORDS_OK: break;
    case WORDS_EMPTY: fault_add(reader->faults, line, "command is empty"); break;
    case WORDS_OPEN_QUOTE: fault_add(reader->faults, line, "command has a quote that is not closed"); break;
    case WORDS_TRAILING_BACKSLASH: fault_add(reader->faults, line, "command ends in a backslash"); break;
    case WORDS_SHELL_SYNTAX:
        fault_add(reader->faults, line,
                  "command has an unquoted '%c', which only a shell understands, and there is no shell; "
                  "quote it, or "
                  "write /bin/sh -c '...'",
                  *at);
        break;
    }
}

static void read_work(struct reader *reader, const struct inifile_section *section,
                      struct task_draft *draft) {
    struct task *task = &draft->task;
    int kinds = (draft->sql != NULL) + (draft->sql_file != NULL) + (draft->command != NULL);
    if (kinds == 0 && section->incomplete)
        return;
    if (kinds != 1) {
        fault_add(reader->faults, section->line,
                  kinds ? "[%s] has more than one of sql, sql_file and command; keep one"
                        : "[%s] has no work; give it one of sql, sql_file and command",
                  section->name);
        return;
    }
    if (draft->command) {
        const char *at = NULL;
        uint32_t line = line_of(section, "command");
        task->work = WORK_COMMAND;
        enum words_error error = words_split(draft->command, &reader->set->arena, &task->argv, &at);
        refuse_command(reader, line, error, at);
        return;
    }
    task->work = WORK_SQL;
    task->sql = draft->sql;
    task->sql_path = draft->sql_file;
    if (draft->sql_file)
        task->sql = reader->read_file(reader->context, draft->sql_file, line_of(section, "sql_file"),
                                      &reader->set->arena, reader->faults);
    if (task->tokens == 0)
        fault_add(reader->faults, line_of(section, "tokens"),
                  "tokens = 0 is for commands that never touch the database; SQL needs its session's token");
}

/* Keys that say nothing for a command would be a promise not kept. */
static void refuse_sql_keys(struct reader *reader, const struct inifile_section *section) {
    static const char *const sql_only[] = {"transaction", "session"};
    for (size_t i = 0; i < sizeof sql_only / sizeof *sql_only; i++) {
        const struct inifile_entry *entry = find_entry(section, sql_only[i]);
        if (entry)
            fault_add(reader->faults, entry->line, "'%s' is for SQL tasks; [%s] runs a command", entry->key,
                      section->name);
    }
}

static void read_schedule(struct reader *reader, const struct inifile_section *section,
                          struct task_draft *draft) {
    struct schedule *schedule = &draft->task.schedule;
    if (!find_entry(section, "every") && !section->incomplete)
        fault_add(reader->faults, section->line, "[%s] has no interval; write every = 15s, say",
                  section->name);
    if (schedule->every_us == 0)
        return;
    if (draft->phase_us >= schedule->every_us)
        fault_add(reader->faults, line_of(section, "phase"),
                  "phase is not below the interval; it says when within it");
    schedule->phase_us =
        draft->phase_us >= 0 ? draft->phase_us : schedule_default_phase(draft->task.name, schedule->every_us);
}

#define PATIENCE_MOST_US US_PER_S

static void read_patience(struct reader *reader, const struct inifile_section *section,
                          struct task_draft *draft) {
    int64_t tenth_us = draft->task.schedule.every_us / 10;
    bool given = draft->patience_us >= 0;
    draft->task.patience_us = given                         ? draft->patience_us
                              : tenth_us < PATIENCE_MOST_US ? tenth_us
                                                            : PATIENCE_MOST_US;
    if (given && draft->task.schedule.every_us && draft->patience_us > draft->task.schedule.every_us)
        fault_add(reader->faults, line_of(section, "patience"),
                  "patience is above the interval; it says how late a run may start");
}

static void read_task(struct reader *reader, const struct inifile_section *section) {
    const char *name = section_name(reader, section);
    struct task_draft draft = {
        .task = {.name = name ? name : "", .line = section->line}, .phase_us = -1, .patience_us = -1};
    read_section(task_keys, section, &draft, reader->faults);
    read_work(reader, section, &draft);
    if (draft.task.work == WORK_COMMAND)
        refuse_sql_keys(reader, section);
    read_schedule(reader, section, &draft);
    read_patience(reader, section, &draft);
    draft.task.pool = TASKSET_NONE;
    if (draft.pool) {
        draft.task.pool = taskset_find_pool(reader->set, draft.pool);
        if (draft.task.pool == TASKSET_NONE)
            fault_add(reader->faults, line_of(section, "pool"), "there is no [pool %s] in this file",
                      draft.pool);
    } else if (reader->set->pool_count == 1) {
        draft.task.pool = 0;
    } else if (reader->set->pool_count > 1) {
        fault_add(reader->faults, section->line, "[%s] must say which pool it uses; this file has %u",
                  section->name, reader->set->pool_count);
    }
    if (draft.task.pool != TASKSET_NONE && draft.task.tokens > reader->set->pools[draft.task.pool].size)
        fault_add(reader->faults, line_of(section, "tokens"),
                  "tokens = %u is more than [pool %s] has (size = %u)", draft.task.tokens,
                  reader->set->pools[draft.task.pool].name, reader->set->pools[draft.task.pool].size);
    if (reader->set->task_count == TASKS_MAX)
        fault_add(reader->faults, section->line, "this is task %d; the limit is %d", TASKS_MAX + 1,
                  TASKS_MAX);
    else
        reader->set->tasks[reader->set->task_count++] = draft.task;
}

static bool is_kind(const struct inifile_section *section, const char *kind) {
    size_t length = strlen(kind);
    return strncmp(section->name, kind, length) == 0 && section->name[length] == ' ';
}

static void refuse_section(struct reader *reader, const struct inifile_section *section) {
    if (*section->name) /* a section without a name was refused where it was read */
        fault_add(reader->faults, section->line,
                  "[%s] is not a section of this file; there are [headgate], [pool NAME] and [task NAME]",
                  section->name);
}

static void read_sections(struct reader *reader, const struct inifile *file) {
    const struct inifile_section nothing = {.name = "headgate"};
    read_section(daemon_keys, &nothing, &reader->set->daemon, reader->faults);
    for (uint32_t i = 0; i < file->section_count; i++) {
        const struct inifile_section *section = &file->sections[i];
        if (is_kind(section, "pool"))
            read_pool(reader, section);
        else if (strcmp(section->name, "headgate") == 0)
            read_section(daemon_keys, section, &reader->set->daemon, reader->faults);
        else if (!is_kind(section, "task"))
            refuse_section(reader, section);
    }
    for (uint32_t i = 0; i < file->section_count; i++) /* after the pools, which may stand anywhere */
        if (is_kind(&file->sections[i], "task"))
            read_task(reader, &file->sections[i]);
}

struct taskset *config_read(const char *text, size_t text_bytes, config_file_reader *read_file, void *context,
                            struct faults *faults) {
    struct taskset *set = taskset_create();
    struct inifile file;
    inifile_read(text, text_bytes, &set->arena, faults, &file);
    set->pools = arena_alloc(&set->arena, (POOLS_MAX + 1) * sizeof *set->pools);
    set->tasks = arena_alloc(&set->arena, ((size_t)file.section_count + 1) * sizeof *set->tasks);
    struct reader reader = {set, faults, read_file, context};
    read_sections(&reader, &file);
    if (faults->count == 0 && set->pool_count == 0)
        fault_add(faults, 0,
                  "there is no [pool NAME]; it says which database, and how many sessions at most");
    if (faults->count == 0 && set->task_count == 0)
        fault_add(faults, 0, "there is no [task NAME]; nothing would ever run");
    return set;
}

static const struct key *keys_of(const char *section_kind) {
    return strcmp(section_kind, "headgate") == 0 ? daemon_keys
           : strcmp(section_kind, "pool") == 0   ? pool_keys
                                                 : task_keys;
}

const char *config_key_name(const char *section_kind, size_t index) {
    return keys_of(section_kind)[index].name;
}

const char *config_key_default(const char *section_kind, size_t index) {
    const char *initial = keys_of(section_kind)[index].initial;
    return initial ? initial : "";
}
