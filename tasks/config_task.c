#include "tasks/config_task.h"

#include <stdio.h>
#include <string.h>

#include "tasks/calendar_parse.h"
#include "tasks/config_after.h"
#include "tasks/config_wake.h"
#include "tasks/config_window.h"
#include "tasks/config_zone.h"
#include "tasks/duration.h"
#include "tasks/suggest.h"
#include "tasks/words.h"

static const char *const priorities[] = {"low", "normal", "high", NULL};
static const char *const overlaps[] = {"skip", "queue", "allow", NULL};
static const char *const repeats[] = {"off", "rows", NULL};
static const char *const catch_ups[] = {"skip", "once", "all", NULL};
static const char *const outsides[] = {"wait", "skip", NULL};
static const char *const window_ends[] = {"finish", "cancel", NULL};
static const char *const after_outcomes[] = {"ok", "failed", "any", NULL};
static const char *const session_cares[] = {"discard", "clean", NULL};

/* What a task's section says, until it is put together. */
struct task_draft {
    const struct config_reading *reading;
    const struct inifile_section *section;
    struct task task;
    struct stages stages;
    struct after after;
    int64_t phase_us, patience_us; /* -1: not given */
    int64_t spread_us;
    int64_t most_every_us; /* of its wake */
    const char *cron, *zone;
    const char *sql, *sql_file, *command, *pool, *group, *channels;
    const char *window, *except;
    const char *read, *read_file, *words, *write, *write_file;
    const char *predecessors;
    const char *when, *when_file;
};

#define DRAFT(field) offsetof(struct task_draft, field)

const struct key config_task_keys[] = {
    {"every", KEY_RANGE, DRAFT(task.schedule), NULL, US_PER_MS, SCHEDULE_EVERY_MAX_US},
    {"phase", KEY_DURATION, DRAFT(phase_us), NULL, 0, SCHEDULE_EVERY_MAX_US},
    {"cron", KEY_TEXT, DRAFT(cron)},
    {"zone", KEY_TEXT, DRAFT(zone)},
    {"spread", KEY_DURATION, DRAFT(spread_us), "0", 0, US_PER_DAY},
    {"window", KEY_TEXT, DRAFT(window)},
    {"except", KEY_TEXT, DRAFT(except)},
    {"outside", KEY_CHOICE, DRAFT(task.outside), "wait", 0, 0, outsides},
    {"window_end", KEY_CHOICE, DRAFT(task.window_end), "finish", 0, 0, window_ends},
    {"after", KEY_TEXT, DRAFT(predecessors)},
    {"after_any", KEY_SWITCH, DRAFT(after.any), "off"},
    {"after_outcome", KEY_CHOICE, DRAFT(after.outcome), "ok", 0, 0, after_outcomes},
    {"wake", KEY_TEXT, DRAFT(channels)},
    {"wake_most_every", KEY_DURATION, DRAFT(most_every_us), "100ms", 0, SCHEDULE_EVERY_MAX_US},
    {"sql", KEY_TEXT, DRAFT(sql)},
    {"sql_file", KEY_TEXT, DRAFT(sql_file)},
    {"command", KEY_TEXT, DRAFT(command)},
    {"read", KEY_TEXT, DRAFT(read)},
    {"read_file", KEY_TEXT, DRAFT(read_file)},
    {"work", KEY_TEXT, DRAFT(words)},
    {"work_parallel", KEY_COUNT, DRAFT(stages.parallel), "0", 0, 1000},
    {"max_bytes", KEY_BYTES, DRAFT(stages.max_bytes), "16MiB", 1024, INT64_C(1) << 40},
    {"write", KEY_TEXT, DRAFT(write)},
    {"write_file", KEY_TEXT, DRAFT(write_file)},
    {"when", KEY_TEXT, DRAFT(when)},
    {"when_file", KEY_TEXT, DRAFT(when_file)},
    {"pool", KEY_TEXT, DRAFT(pool)},
    {"group", KEY_TEXT, DRAFT(group)},
    {"tokens", KEY_COUNT, DRAFT(task.tokens), "1", 0, POOL_SIZE_MAX},
    {"priority", KEY_CHOICE, DRAFT(task.priority), "normal", 0, 0, priorities},
    {"patience", KEY_DURATION, DRAFT(patience_us), NULL, 0, SCHEDULE_EVERY_MAX_US},
    {"expect", KEY_DURATION, DRAFT(task.expect_us), "50ms", US_PER_MS, US_PER_DAY},
    {"expect_work", KEY_DURATION, DRAFT(stages.expect_work_us), "1s", US_PER_MS, US_PER_DAY},
    {"timeout", KEY_DURATION, DRAFT(task.timeout_us), "0", 0, SCHEDULE_EVERY_MAX_US},
    {"read_timeout", KEY_DURATION, DRAFT(stages.read_timeout_us), NULL, 0, SCHEDULE_EVERY_MAX_US},
    {"work_timeout", KEY_DURATION, DRAFT(stages.work_timeout_us), NULL, 0, SCHEDULE_EVERY_MAX_US},
    {"write_timeout", KEY_DURATION, DRAFT(stages.write_timeout_us), NULL, 0, SCHEDULE_EVERY_MAX_US},
    {"start_deadline", KEY_DURATION, DRAFT(task.start_deadline_us), "0", 0, SCHEDULE_EVERY_MAX_US},
    {"conflict_retries", KEY_COUNT, DRAFT(task.conflict_retries), "5", 0, 100},
    {"retry_lock", KEY_SWITCH, DRAFT(task.retry_lock), "off"},
    {"retries", KEY_COUNT, DRAFT(task.retries), "0", 0, 1000},
    {"retry_delay", KEY_RANGE, DRAFT(task.retry_delay), "1s..5min", US_PER_MS, US_PER_DAY},
    {"hold_after", KEY_COUNT, DRAFT(task.hold_after), "10", 0, 100000},
    {"hold", KEY_RANGE, DRAFT(task.hold), "1min..1h", US_PER_MS, US_PER_DAY},
    {"overlap", KEY_CHOICE, DRAFT(task.overlap), "skip", 0, 0, overlaps},
    {"catch_up", KEY_CHOICE, DRAFT(task.catch_up), "once", 0, 0, catch_ups},
    {"catch_up_count", KEY_COUNT, DRAFT(task.catch_up_count), "100", 1, 1000000},
    {"catch_up_age", KEY_DURATION, DRAFT(task.catch_up_age_us), "1d", US_PER_MS, SCHEDULE_EVERY_MAX_US},
    {"repeat", KEY_CHOICE, DRAFT(task.repeat), "off", 0, 0, repeats},
    {"repeat_most", KEY_COUNT, DRAFT(task.repeat_most), "100000", 0, 1000000000},
    {"transaction", KEY_SWITCH, DRAFT(task.transaction), "on"},
    {"session", KEY_CHOICE, DRAFT(task.session), "discard", 0, 0, session_cares},
    {"enabled", KEY_SWITCH, DRAFT(task.enabled), "on"},
    {0},
};
/* A fault on the line of the key, or of the section when that does not have it; "" is for the section as a
 * whole. */
#define REFUSE(draft, key, ...)                                                                              \
    fault_add((draft)->reading->faults, keys_line((draft)->section, key), __VA_ARGS__)

static char **split_command(const struct task_draft *draft, const char *key, const char *words) {
    struct text wrong = {0};
    char **argv = words_split(words, &draft->reading->set->arena, &wrong);
    if (!argv)
        REFUSE(draft, key, "%s %s", key, wrong.bytes);
    text_finish(&wrong);
    return argv;
}

/* The text of a pair of keys like sql and sql_file; NULL when neither is given. */
static const char *read_sql(const struct task_draft *draft, const char *key, const char *text,
                            const char *file) {
    const struct config_reading *reading = draft->reading;
    char file_key[32];
    snprintf(file_key, sizeof file_key, "%s_file", key);
    if (text && file)
        REFUSE(draft, key, "[%s] has both %s and %s; keep one", draft->section->name, key, file_key);
    return file
               ? reading->files->read_file(reading->files->context, file, keys_line(draft->section, file_key),
                                           &reading->set->arena, reading->faults)
               : text;
}

static void read_stages(struct task_draft *draft) {
    struct task *task = &draft->task;
    struct stages *stages = arena_alloc(&draft->reading->set->arena, sizeof *stages);
    const char *name = draft->section->name;
    bool reads = draft->read || draft->read_file, writes = draft->write || draft->write_file;
    *stages = draft->stages;
    stages->read = read_sql(draft, "read", draft->read, draft->read_file);
    stages->write = read_sql(draft, "write", draft->write, draft->write_file);
    stages->read_path = draft->read_file;
    stages->write_path = draft->write_file;
    task->work = WORK_STAGES;
    task->stages = stages;
    if (draft->words)
        task->argv = split_command(draft, "work", draft->words);
    else if (!draft->section->incomplete)
        REFUSE(draft, "",
               "[%s] has no work between read and write; give it work = PROGRAM, or make it one sql", name);
    if (draft->words && !reads && !writes && !draft->section->incomplete)
        REFUSE(draft, "work", "[%s] has work, but neither read nor write; write command = ... and tokens = 0",
               name);
    if (stages->parallel && !reads)
        REFUSE(draft, "work_parallel",
               "work_parallel is how many rows of read are worked on at once; [%s] has no read", name);
}

/* What the task's work is: exactly one of the four. */
static void read_work(struct task_draft *draft) {
    struct task *task = &draft->task;
    bool staged = draft->read || draft->read_file || draft->words || draft->write || draft->write_file;
    int kinds = (draft->sql != NULL) + (draft->sql_file != NULL) + (draft->command != NULL) + staged;
    if (kinds == 0 && draft->section->incomplete)
        return;
    if (kinds != 1) {
        REFUSE(draft, "",
               kinds ? "[%s] has more than one of sql, sql_file, command, and read, work and write; keep one"
                     : "[%s] has no work; give it one of sql, sql_file, command, or read, work and write",
               draft->section->name);
        return;
    }
    if (staged) {
        read_stages(draft);
    } else if (draft->command) {
        task->work = WORK_COMMAND;
        task->argv = split_command(draft, "command", draft->command);
    } else {
        task->work = WORK_SQL;
        task->sql = read_sql(draft, "sql", draft->sql, draft->sql_file);
        task->sql_path = draft->sql_file;
    }
    if (task->work == WORK_SQL && task->tokens == 0)
        REFUSE(draft, "tokens",
               "tokens = 0 is for commands that never touch the database; SQL needs its session's token");
}

/* What the guard has answered with no leaves no trace, so after a restart nobody knows which occurrences were
 * missed. */
static void read_guard(struct task_draft *draft) {
    struct task *task = &draft->task;
    task->when = read_sql(draft, "when", draft->when, draft->when_file);
    if (!(draft->when || draft->when_file) || task->catch_up != CATCH_UP_ALL)
        return;
    REFUSE(draft, "catch_up",
           "catch_up = all cannot be with when: [%s] has no record of what its guard said no to, so nobody "
           "knows what was missed; write catch_up = once",
           draft->section->name);
}

/* Keys that say nothing for a kind of work, which would be promises not kept. */
static const struct {
    const char *key;
    bool fits[3]; /* by enum work */
    const char *why;
} fitting[] = {
    {"transaction", {true, false, false}, "read and write are transactions, a command makes its own"},
    {"session", {true, false, false}, "the session is cleaned after each stage, and a command has its own"},
    {"tokens", {true, true, false}, "a stage on the database takes one, outside work none"},
    {"read_timeout", {false, false, true}, "write timeout"},
    {"work_timeout", {false, false, true}, "write timeout"},
    {"write_timeout", {false, false, true}, "write timeout"},
    {"work_parallel", {false, false, true}, "only outside work has children"},
    {"max_bytes", {false, false, true}, "only stages keep rows and output"},
    {"expect_work", {false, false, true}, "write expect"},
    {"conflict_retries", {true, false, true}, "a command's transactions are its own"},
    {"retry_lock", {true, false, true}, "a command's transactions are its own"},
};

static void refuse_idle_keys(const struct task_draft *draft) {
    static const char *const kinds[] = {"SQL", "a command", "stages"};
    static const char *const bounds[] = {"catch_up_count", "catch_up_age"};
    const struct task *task = &draft->task;
    const char *name = draft->section->name;
    for (size_t i = 0; i < sizeof fitting / sizeof *fitting; i++)
        if (!fitting[i].fits[task->work] && keys_find(draft->section, fitting[i].key))
            REFUSE(draft, fitting[i].key, "'%s' says nothing here: [%s] is %s; %s", fitting[i].key, name,
                   kinds[task->work], fitting[i].why);
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (task->catch_up != CATCH_UP_ALL && keys_find(draft->section, bounds[i]))
            REFUSE(draft, bounds[i],
                   "'%s' says nothing here: it bounds catch_up = all, and [%s] has catch_up = %s", bounds[i],
                   name, catch_ups[task->catch_up]);
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool has_word(const char *text, const char *word) {
    size_t length = strlen(word);
    for (const char *at = text; (at = strcasestr(at, word)); at += length)
        if ((at == text || !is_letter(at[-1])) && !is_letter(at[length]))
            return true;
    return false;
}

/* What a function, a procedure or COPY changes is not in what the server says of the text. */
static bool may_change_rows(const char *sql) {
    return has_word(sql, "insert") || has_word(sql, "update") || has_word(sql, "delete") ||
           has_word(sql, "merge");
}

/* Each bite is a transaction, and ends the run when it has changed nothing: so its rows have to be counted.
 */
static void read_repeat(const struct task_draft *draft) {
    static const char *const why[] = {
        [WORK_COMMAND] = "nobody counts the rows that a command changes; run it again from within itself",
        [WORK_STAGES] =
            "a staged task gives its session back between its stages already; let its read have fewer "
            "rows, and be due more often",
    };
    const struct task *task = &draft->task;
    const char *name = draft->section->name;
    if (task->repeat == REPEAT_OFF && keys_find(draft->section, "repeat_most"))
        REFUSE(draft, "repeat_most",
               "'repeat_most' says nothing here: it bounds repeat = rows, which [%s] does not have", name);
    else if (task->repeat == REPEAT_ROWS && task->work != WORK_SQL)
        REFUSE(draft, "repeat", "repeat = rows is for sql: %s", why[task->work]);
    else if (task->repeat == REPEAT_ROWS && !task->transaction)
        REFUSE(draft, "transaction",
               "repeat = rows makes each bite a transaction of its own; leave out transaction = off, and any "
               "COMMIT "
               "in the text of [%s]",
               name);
    else if (task->repeat == REPEAT_ROWS && task->sql && !may_change_rows(task->sql))
        REFUSE(draft, "repeat",
               "repeat = rows counts what INSERT, UPDATE, DELETE and MERGE change, and the text of [%s] has "
               "none of them; "
               "write the statement itself, and no function that does it",
               name);
}

/* Unless the file says otherwise, a run waits for an open session for a tenth of its interval, and for a
 * second at most: a further session costs some milliseconds (4 by pgbench -C), which a daily run need not be
 * hours late for. */
#define PATIENCE_PART    10
#define PATIENCE_MOST_US US_PER_S

/* Keys of one kind of schedule in a task that has another. */
static void refuse_idle_keys_of_time(const struct task_draft *draft) {
    static const char *const kinds[] = {"has an interval", "is due by calendar", "is not due by time"};
    static const struct {
        const char *key;
        bool fits[3]; /* by enum schedule_kind */
        const char *why;
    } timing[] = {
        {"phase", {true, false, false}, "it says when within an interval, as in every = 15s"},
        {"spread", {false, true, false}, "it puts off what is due by calendar, as in cron = @daily"},
        {"zone",
         {false, true, false},
         "it says whose clocks a calendar or a window is about, as in cron = @daily"},
        {"catch_up", {true, true, false}, "nothing is missed"},
    };
    enum schedule_kind kind = draft->task.schedule.kind;
    bool has_window = draft->window || draft->except;
    const char *is = draft->predecessors ? "is due when the tasks of its after have ended" : kinds[kind];
    for (size_t i = 0; i < sizeof timing / sizeof *timing; i++)
        if (!timing[i].fits[kind] && keys_find(draft->section, timing[i].key) &&
            !(has_window && strcmp(timing[i].key, "zone") == 0))
            REFUSE(draft, timing[i].key, "'%s' says nothing here: [%s] %s; %s", timing[i].key,
                   draft->section->name, is, timing[i].why);
}

static void read_interval(struct task_draft *draft) {
    struct schedule *schedule = &draft->task.schedule;
    if (draft->phase_us >= schedule->every_us)
        REFUSE(draft, "phase", "phase is not below the interval; it says when within it");
    schedule->phase_us =
        draft->phase_us >= 0 ? draft->phase_us : schedule_default_phase(draft->task.name, schedule->every_us);
}

/* False after a fault. */
static bool read_calendar(struct task_draft *draft) {
    struct schedule *schedule = &draft->task.schedule;
    struct calendar *calendar = arena_alloc(&draft->reading->set->arena, sizeof *calendar);
    struct text wrong = {0};
    bool is_right = calendar_parse(draft->cron, calendar, &wrong);
    if (!is_right)
        REFUSE(draft, "cron", "cron = '%s': %s", draft->cron, wrong.bytes);
    text_finish(&wrong);
    if (!is_right)
        return false;
    schedule->calendar = calendar;
    schedule->zone = draft->task.zone;
    schedule->text = draft->cron;
    if (draft->spread_us > schedule_gap_least_us(schedule))
        REFUSE(
            draft, "spread",
            "spread is above what two instants of cron = '%s' are apart (%s); they would only change places",
            draft->cron, DURATION_FORMAT(schedule_gap_least_us(schedule)));
    int64_t put_off_us = draft->spread_us ? schedule_default_phase(draft->task.name, draft->spread_us) : 0;
    schedule->phase_us = draft->spread_us < US_PER_MIN ? put_off_us : put_off_us / US_PER_S * US_PER_S;
    return true;
}

static void read_patience(struct task_draft *draft) {
    int64_t least_us = schedule_gap_least_us(&draft->task.schedule), part_us = least_us / PATIENCE_PART;
    bool has_gap = draft->task.schedule.kind != SCHEDULE_NONE;
    if (has_gap && draft->patience_us > least_us)
        REFUSE(draft, "patience", "patience is above the interval (%s); it says how late a run may start",
               DURATION_FORMAT(least_us));
    draft->task.patience_us = draft->patience_us >= 0                 ? draft->patience_us
                              : has_gap && part_us < PATIENCE_MOST_US ? part_us
                                                                      : PATIENCE_MOST_US;
}

/* The tasks themselves are looked for when all are read: config_after_link(). */
static void read_after(struct task_draft *draft) {
    static const char *const keys[] = {"after_any", "after_outcome"};
    const char *name = draft->section->name;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!draft->predecessors && keys_find(draft->section, keys[i]))
            REFUSE(draft, keys[i], "'%s' says nothing here: [%s] has no after", keys[i], name);
    if (!draft->predecessors)
        return;
    if (draft->channels)
        REFUSE(draft, "wake", "[%s] has both after and wake; keep one, or make two tasks of it", name);
    if (draft->task.overlap == OVERLAP_ALLOW)
        REFUSE(
            draft, "overlap",
            "overlap = allow: the runs of [%s] come one after another, as it has after; what ends while it "
            "runs makes it due again then",
            name);
    draft->after.line = keys_line(draft->section, "after");
    draft->task.after = config_after_read(draft->reading->set, draft->reading->faults, &draft->after,
                                          draft->predecessors, draft->task.name);
}

static void read_schedule(struct task_draft *draft) {
    struct schedule *schedule = &draft->task.schedule;
    const struct inifile_section *section = draft->section;
    bool has_every = keys_find(section, "every") != NULL;
    if (has_every && draft->cron)
        REFUSE(draft, "cron", "[%s] has both every and cron; keep one", section->name);
    if (draft->predecessors && (has_every || draft->cron))
        REFUSE(draft, "after", "[%s] has both %s and after; keep one", section->name,
               has_every ? "every" : "cron");
    schedule->kind = draft->cron ? SCHEDULE_CALENDAR : has_every ? SCHEDULE_EVERY : SCHEDULE_NONE;
    draft->task.zone = draft->zone ? config_zone(draft->reading, draft->zone, keys_line(section, "zone"))
                                   : draft->reading->set->daemon.zone;
    refuse_idle_keys_of_time(draft);
    if ((schedule->kind == SCHEDULE_CALENDAR && !read_calendar(draft)) ||
        (schedule->kind == SCHEDULE_EVERY && schedule->every_us == 0)) /* a fault that was told */
        return;
    if (schedule->kind == SCHEDULE_EVERY)
        read_interval(draft);
    read_patience(draft);
}

static void read_pool_of(struct task_draft *draft) {
    const struct taskset *set = draft->reading->set;
    struct task *task = &draft->task;
    task->pool = draft->pool ? taskset_find_pool(set, draft->pool) : set->pool_count == 1 ? 0 : TASKSET_NONE;
    if (task->pool == TASKSET_NONE && draft->pool)
        REFUSE(draft, "pool", "there is no [pool %s] in this file", draft->pool);
    else if (task->pool == TASKSET_NONE && set->pool_count > 1)
        REFUSE(draft, "", "[%s] must say which pool it uses; this file has %u", draft->section->name,
               set->pool_count);
    else if (task->pool != TASKSET_NONE && task->tokens > set->pools[task->pool].size)
        REFUSE(draft, "tokens", "tokens = %u is more than [pool %s] has (size = %u)", task->tokens,
               set->pools[task->pool].name, set->pools[task->pool].size);
}

static void read_group_of(struct task_draft *draft) {
    const struct taskset *set = draft->reading->set;
    const char *near = NULL;
    draft->task.group = draft->group ? taskset_find_group(set, draft->group) : TASKSET_NONE;
    if (draft->task.group != TASKSET_NONE)
        set->groups[draft->task.group].task_count++;
    if (!draft->group || draft->task.group != TASKSET_NONE)
        return;
    for (uint32_t i = 0; i < set->group_count; i++)
        near = suggest_better(draft->group, near, set->groups[i].name);
    REFUSE(draft, "group", "there is no [group %s] in this file%s", draft->group,
           near ? SUGGEST_TEXT(near) : "; write one, with its limit");
}

void config_read_task(const struct config_reading *reading, const struct inifile_section *section) {
    struct taskset *set = reading->set;
    struct task_draft draft = {
        .reading = reading,
        .section = section,
        .phase_us = -1,
        .patience_us = -1,
        .stages = {.read_timeout_us = -1, .work_timeout_us = -1, .write_timeout_us = -1}};
    struct stages *stages = &draft.stages;
    draft.task.name = keys_section_name(section, reading->faults);
    draft.task.line = section->line;
    keys_read(config_task_keys, section, &draft, reading->faults);
    if (stages->read_timeout_us < 0)
        stages->read_timeout_us = draft.task.timeout_us;
    if (stages->work_timeout_us < 0)
        stages->work_timeout_us = draft.task.timeout_us;
    if (stages->write_timeout_us < 0)
        stages->write_timeout_us = draft.task.timeout_us;
    read_work(&draft);
    read_guard(&draft);
    refuse_idle_keys(&draft);
    read_repeat(&draft);
    read_schedule(&draft);
    config_wake(reading, section, draft.channels, draft.most_every_us, &draft.task);
    config_window(reading, section, draft.window, draft.except, &draft.task);
    read_after(&draft);
    read_pool_of(&draft);
    read_group_of(&draft);
    if (set->task_count == TASKS_MAX)
        REFUSE(&draft, "", "this is task %d; the limit is %d", TASKS_MAX + 1, TASKS_MAX);
    else
        set->tasks[set->task_count++] = draft.task;
}
