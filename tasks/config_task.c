/*
 * A [task NAME] section: its keys, what its work is, and that one does not contradict the other.
 */
#include <stdio.h>
#include <string.h>

#include "tasks/config_parts.h"
#include "tasks/words.h"

static const char *const priorities[] = {"low", "normal", "high", NULL};
static const char *const overlaps[] = {"skip", "queue", "allow", NULL};
static const char *const catch_ups[] = {"skip", "once", "all", NULL};
static const char *const session_cares[] = {"discard", "clean", NULL};

/* What a task's section says before it is put together. */
struct task_draft {
    struct task task;
    struct stages stages;
    int64_t phase_us, patience_us; /* -1: not given */
    const char *sql, *sql_file, *command, *pool;
    const char *read, *read_file, *words, *write, *write_file;
};

const struct key config_task_keys[] = {
    {"every", KEY_RANGE, FIELD(task_draft, task.schedule), NULL, US_PER_MS, YEARS_10, NULL},
    {"phase", KEY_DURATION, FIELD(task_draft, phase_us), NULL, 0, YEARS_10, NULL},
    {"sql", KEY_TEXT, FIELD(task_draft, sql), NULL, 0, 0, NULL},
    {"sql_file", KEY_TEXT, FIELD(task_draft, sql_file), NULL, 0, 0, NULL},
    {"command", KEY_TEXT, FIELD(task_draft, command), NULL, 0, 0, NULL},
    {"read", KEY_TEXT, FIELD(task_draft, read), NULL, 0, 0, NULL},
    {"read_file", KEY_TEXT, FIELD(task_draft, read_file), NULL, 0, 0, NULL},
    {"work", KEY_TEXT, FIELD(task_draft, words), NULL, 0, 0, NULL},
    {"work_parallel", KEY_COUNT, FIELD(task_draft, stages.parallel), "0", 0, 1000, NULL},
    {"max_bytes", KEY_BYTES, FIELD(task_draft, stages.max_bytes), "16MiB", 1024, INT64_C(1) << 40, NULL},
    {"write", KEY_TEXT, FIELD(task_draft, write), NULL, 0, 0, NULL},
    {"write_file", KEY_TEXT, FIELD(task_draft, write_file), NULL, 0, 0, NULL},
    {"pool", KEY_TEXT, FIELD(task_draft, pool), NULL, 0, 0, NULL},
    {"tokens", KEY_COUNT, FIELD(task_draft, task.tokens), "1", 0, POOL_SIZE_MAX, NULL},
    {"priority", KEY_CHOICE, FIELD(task_draft, task.priority), "normal", 0, 0, priorities},
    {"patience", KEY_DURATION, FIELD(task_draft, patience_us), NULL, 0, YEARS_10, NULL},
    {"expect", KEY_DURATION, FIELD(task_draft, task.expect_us), "50ms", US_PER_MS, US_PER_DAY, NULL},
    {"expect_work", KEY_DURATION, FIELD(task_draft, stages.expect_work_us), "1s", US_PER_MS, US_PER_DAY,
     NULL},
    {"timeout", KEY_DURATION, FIELD(task_draft, task.timeout_us), "0", 0, YEARS_10, NULL},
    {"read_timeout", KEY_DURATION, FIELD(task_draft, stages.read_timeout_us), NULL, 0, YEARS_10, NULL},
    {"work_timeout", KEY_DURATION, FIELD(task_draft, stages.work_timeout_us), NULL, 0, YEARS_10, NULL},
    {"write_timeout", KEY_DURATION, FIELD(task_draft, stages.write_timeout_us), NULL, 0, YEARS_10, NULL},
    {"start_deadline", KEY_DURATION, FIELD(task_draft, task.start_deadline_us), "0", 0, YEARS_10, NULL},
    {"conflict_retries", KEY_COUNT, FIELD(task_draft, task.conflict_retries), "5", 0, 100, NULL},
    {"retry_lock", KEY_SWITCH, FIELD(task_draft, task.retry_lock), "off", 0, 0, NULL},
    {"retries", KEY_COUNT, FIELD(task_draft, task.retries), "0", 0, 1000, NULL},
    {"retry_delay", KEY_RANGE, FIELD(task_draft, task.retry_delay), "1s..5min", US_PER_MS, US_PER_DAY, NULL},
    {"hold_after", KEY_COUNT, FIELD(task_draft, task.hold_after), "10", 0, 100000, NULL},
    {"hold", KEY_RANGE, FIELD(task_draft, task.hold), "1min..1h", US_PER_MS, US_PER_DAY, NULL},
    {"overlap", KEY_CHOICE, FIELD(task_draft, task.overlap), "skip", 0, 0, overlaps},
    {"catch_up", KEY_CHOICE, FIELD(task_draft, task.catch_up), "once", 0, 0, catch_ups},
    {"catch_up_count", KEY_COUNT, FIELD(task_draft, task.catch_up_count), "100", 1, 1000000, NULL},
    {"catch_up_age", KEY_DURATION, FIELD(task_draft, task.catch_up_age_us), "1d", US_PER_MS, YEARS_10, NULL},
    {"transaction", KEY_SWITCH, FIELD(task_draft, task.transaction), "on", 0, 0, NULL},
    {"session", KEY_CHOICE, FIELD(task_draft, task.session), "discard", 0, 0, session_cares},
    {"enabled", KEY_SWITCH, FIELD(task_draft, task.enabled), "on", 0, 0, NULL},
    {0},
};
static void refuse_command(struct reader *reader, const char *key, uint32_t line, enum words_error error,
                           const char *at) {
    switch (error) {
    case WORDS_OK: break;
    case WORDS_EMPTY: fault_add(reader->faults, line, "%s is empty", key); break;
    case WORDS_OPEN_QUOTE: fault_add(reader->faults, line, "%s has a quote that is not closed", key); break;
    case WORDS_TRAILING_BACKSLASH: fault_add(reader->faults, line, "%s ends in a backslash", key); break;
    case WORDS_SHELL_SYNTAX:
        fault_add(reader->faults, line,
                  "%s has an unquoted '%c', which only a shell understands, and there is no shell; "
                  "quote it, or "
                  "write /bin/sh -c '...'",
                  key, *at);
        break;
    }
}

static void read_command(struct reader *reader, const struct inifile_section *section, const char *key,
                         const char *words, char ***ret_argv) {
    const char *at = NULL;
    enum words_error error = words_split(words, &reader->set->arena, ret_argv, &at);
    refuse_command(reader, key, keys_line(section, key), error, at);
}

/* The text of a pair of keys like sql and sql_file; NULL when neither is given. */
static const char *read_sql(struct reader *reader, const struct inifile_section *section, const char *key,
                            const char *text, const char *file) {
    const struct inifile_entry *given = keys_find(section, key);
    char file_key[32];
    snprintf(file_key, sizeof file_key, "%s_file", key);
    if (text && file)
        fault_add(reader->faults, given->line, "[%s] has both %s and %s; keep one", section->name, key,
                  file_key);
    if (!file)
        return text;
    return reader->read_file(reader->context, file, keys_line(section, file_key), &reader->set->arena,
                             reader->faults);
}

static void read_stages(struct reader *reader, const struct inifile_section *section,
                        struct task_draft *draft) {
    struct task *task = &draft->task;
    struct stages *stages = arena_alloc(&reader->set->arena, sizeof *stages);
    task->work = WORK_STAGES;
    task->stages = stages;
    *stages = draft->stages;
    stages->read = read_sql(reader, section, "read", draft->read, draft->read_file);
    stages->write = read_sql(reader, section, "write", draft->write, draft->write_file);
    stages->read_path = draft->read_file;
    stages->write_path = draft->write_file;
    if (draft->words)
        read_command(reader, section, "work", draft->words, &task->argv);
    else if (!section->incomplete)
        fault_add(reader->faults, section->line,
                  "[%s] has no work between read and write; give it work = PROGRAM, or make it one sql",
                  section->name);
    if (draft->words && !draft->read && !draft->read_file && !draft->write && !draft->write_file &&
        !section->incomplete)
        fault_add(reader->faults, keys_line(section, "work"),
                  "[%s] has work, but neither read nor write; write command = ... and tokens = 0",
                  section->name);
    if (stages->parallel && !draft->read && !draft->read_file)
        fault_add(reader->faults, keys_line(section, "work_parallel"),
                  "work_parallel is how many rows of read are worked on at once; [%s] has no read",
                  section->name);
}

/* What its work is: exactly one of the four. */
static void read_work(struct reader *reader, const struct inifile_section *section,
                      struct task_draft *draft) {
    struct task *task = &draft->task;
    bool staged = draft->read || draft->read_file || draft->words || draft->write || draft->write_file;
    int kinds = (draft->sql != NULL) + (draft->sql_file != NULL) + (draft->command != NULL) + staged;
    if (kinds == 0 && section->incomplete)
        return;
    if (kinds != 1) {
        fault_add(reader->faults, section->line,
                  kinds
                      ? "[%s] has more than one of sql, sql_file, command, and read, work and write; keep one"
                      : "[%s] has no work; give it one of sql, sql_file, command, or read, work and write",
                  section->name);
        return;
    }
    if (staged) {
        read_stages(reader, section, draft);
    } else if (draft->command) {
        task->work = WORK_COMMAND;
        read_command(reader, section, "command", draft->command, &task->argv);
    } else {
        task->work = WORK_SQL;
        task->sql = read_sql(reader, section, "sql", draft->sql, draft->sql_file);
        task->sql_path = draft->sql_file;
    }
    if (task->work == WORK_SQL && task->tokens == 0)
        fault_add(reader->faults, keys_line(section, "tokens"),
                  "tokens = 0 is for commands that never touch the database; SQL needs its session's token");
}

/* Keys that say nothing for a kind of work would be a promise not kept. */
static const struct {
    const char *key;
    bool sql, command, stages;
    const char *why;
} fitting[] = {
    {"transaction", true, false, false, "read and write are transactions, a command makes its own"},
    {"session", true, false, false, "the session is cleaned after each stage, and a command has its own"},
    {"tokens", true, true, false, "a stage on the database takes one, outside work none"},
    {"read_timeout", false, false, true, "write timeout"},
    {"work_timeout", false, false, true, "write timeout"},
    {"write_timeout", false, false, true, "write timeout"},
    {"work_parallel", false, false, true, "only outside work has children"},
    {"max_bytes", false, false, true, "only stages keep rows and output"},
    {"expect_work", false, false, true, "write expect"},
    {"conflict_retries", true, false, true, "a command's transactions are its own"},
    {"retry_lock", true, false, true, "a command's transactions are its own"},
};

static void refuse_unfitting_keys(struct reader *reader, const struct inifile_section *section,
                                  enum work work) {
    static const char *const kinds[] = {"SQL", "a command", "stages"};
    for (size_t i = 0; i < sizeof fitting / sizeof *fitting; i++) {
        const struct inifile_entry *entry = keys_find(section, fitting[i].key);
        bool fits = work == WORK_SQL       ? fitting[i].sql
                    : work == WORK_COMMAND ? fitting[i].command
                                           : fitting[i].stages;
        if (entry && !fits)
            fault_add(reader->faults, entry->line, "'%s' says nothing here: [%s] is %s; %s", entry->key,
                      section->name, kinds[work], fitting[i].why);
    }
}

/* They bound `all` alone: beside another choice they would be a promise not kept. */
static void refuse_unbounded_keys(struct reader *reader, const struct inifile_section *section,
                                  enum catch_up catch_up) {
    static const char *const bounds[] = {"catch_up_count", "catch_up_age"};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        const struct inifile_entry *entry = keys_find(section, bounds[i]);
        if (entry && catch_up != CATCH_UP_ALL)
            fault_add(reader->faults, entry->line,
                      "'%s' says nothing here: it bounds catch_up = all, and [%s] has catch_up = %s",
                      entry->key, section->name, catch_ups[catch_up]);
    }
}

static void read_timeouts(struct stages *stages, int64_t timeout_us) {
    int64_t *const own[] = {&stages->read_timeout_us, &stages->work_timeout_us, &stages->write_timeout_us};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (*own[i] < 0)
            *own[i] = timeout_us;
}

static void read_schedule(struct reader *reader, const struct inifile_section *section,
                          struct task_draft *draft) {
    struct schedule *schedule = &draft->task.schedule;
    if (!keys_find(section, "every") && !section->incomplete)
        fault_add(reader->faults, section->line, "[%s] has no interval; write every = 15s, say",
                  section->name);
    if (schedule->every_us == 0)
        return;
    if (draft->phase_us >= schedule->every_us)
        fault_add(reader->faults, keys_line(section, "phase"),
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
        fault_add(reader->faults, keys_line(section, "patience"),
                  "patience is above the interval; it says how late a run may start");
}

static void read_pool_of(struct reader *reader, const struct inifile_section *section,
                         struct task_draft *draft) {
    draft->task.pool = TASKSET_NONE;
    if (draft->pool) {
        draft->task.pool = taskset_find_pool(reader->set, draft->pool);
        if (draft->task.pool == TASKSET_NONE)
            fault_add(reader->faults, keys_line(section, "pool"), "there is no [pool %s] in this file",
                      draft->pool);
    } else if (reader->set->pool_count == 1) {
        draft->task.pool = 0;
    } else if (reader->set->pool_count > 1) {
        fault_add(reader->faults, section->line, "[%s] must say which pool it uses; this file has %u",
                  section->name, reader->set->pool_count);
    }
    if (draft->task.pool != TASKSET_NONE && draft->task.tokens > reader->set->pools[draft->task.pool].size)
        fault_add(reader->faults, keys_line(section, "tokens"),
                  "tokens = %u is more than [pool %s] has (size = %u)", draft->task.tokens,
                  reader->set->pools[draft->task.pool].name, reader->set->pools[draft->task.pool].size);
}

void config_read_task(struct reader *reader, const struct inifile_section *section) {
    const char *name = config_section_name(reader, section);
    struct task_draft draft = {
        .task = {.name = name ? name : "", .line = section->line}, .phase_us = -1, .patience_us = -1};
    draft.stages.read_timeout_us = draft.stages.work_timeout_us = draft.stages.write_timeout_us = -1;
    keys_read(config_task_keys, section, &draft, reader->faults);
    read_timeouts(&draft.stages, draft.task.timeout_us);
    read_work(reader, section, &draft);
    refuse_unfitting_keys(reader, section, draft.task.work);
    refuse_unbounded_keys(reader, section, draft.task.catch_up);
    read_schedule(reader, section, &draft);
    read_patience(reader, section, &draft);
    read_pool_of(reader, section, &draft);
    if (reader->set->task_count == TASKS_MAX)
        fault_add(reader->faults, section->line, "this is task %d; the limit is %d", TASKS_MAX + 1,
                  TASKS_MAX);
    else
        reader->set->tasks[reader->set->task_count++] = draft.task;
}
