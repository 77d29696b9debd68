#include <assert.h>
#include <stdio.h>

#include "sim.h"
#include "tasks/config.h"

static void add_stages(struct story *story, struct text *ini) {
    uint32_t kind = draw(story, 4); /* most have all three */
    if (kind != 0)
        text_add(ini, "read = SELECT 1\nwork_parallel = %u\n", draw(story, 6));
    if (kind != 1)
        text_add(ini, "write = SELECT 2\n");
    text_add(ini, "work = true\n");
    if (draw(story, 2))
        text_add(ini, "work_timeout = %ums\nwrite_timeout = %ums\n", 100 + draw(story, 20000),
                 50 + draw(story, 1000));
}

/* What follows a failure, a start that comes late, and a time without a daemon: whether all of it is made up for. */
static bool add_attempts(struct story *story, struct text *ini, bool command, uint32_t every_ms) {
    if (!command && draw(story, 3) == 0)
        text_add(ini, "conflict_retries = %u\nretry_lock = on\n", draw(story, 8));
    if (draw(story, 3) == 0)
        text_add(ini, "retries = %u\nretry_delay = %ums..10s\n", draw(story, 4), 1 + draw(story, 2000));
    if (draw(story, 3) == 0)
        text_add(ini, "hold_after = %u\nhold = %ums..20s\n", draw(story, 4), 10 + draw(story, 5000));
    if (draw(story, 4) == 0)
        text_add(ini, "start_deadline = %ums\n", 1 + draw(story, 2 * every_ms));
    bool guarded = draw(story, 4) == 0;
    uint32_t catch_up = draw(story, guarded ? 2 : 3);
    if (guarded)
        text_add(ini, "when = SELECT %u\n", draw(story, 3));
    if (catch_up == 1)
        text_add(ini, "catch_up = skip\n");
    else if (catch_up == 2)
        text_add(ini, "catch_up = all\ncatch_up_count = %u\n", 1 + draw(story, 20));
    return catch_up == 2;
}

/* Open for a minute in each two or three, so that a story, which begins at 14:13, sees it open and close. */
static void add_window(struct story *story, struct text *ini, bool may_skip) {
    uint32_t every_min = 2 + draw(story, 2), first_min = draw(story, every_min);
    text_add(ini, "window =\n");
    for (uint32_t min = first_min; min < 90; min += every_min)
        text_add(ini, " %02u:%02u-%02u:%02u%s\n", 14 + min / 60, min % 60, 14 + (min + 1) / 60, (min + 1) % 60,
                 min + every_min < 90 ? "," : "");
    if (draw(story, 3) == 0)
        text_add(ini, "window_end = cancel\n");
    if (may_skip && draw(story, 3) == 0)
        text_add(ini, "outside = skip\n");
}

/* The same in every file that has the task. A calendar is due at some seconds of every minute. */
static void choose_schedule(struct story *story, struct sim_task *task) {
    task->every_ms = 20 + draw(story, draw(story, 2) ? 500 : 20000);
    task->wakes = draw(story, 6) == 0;
    if (task->wakes) {
        task->every_ms = 3600000;
        return;
    }
    if (draw(story, 4))
        return;
    uint32_t every_s = 1 + task->every_ms / 1000, from_s = draw(story, 20);
    snprintf(task->cron, sizeof task->cron, "%u-%u/%u,%u * * * * *", from_s, from_s + draw(story, 40), every_s,
             draw(story, 60));
    task->every_ms = 1000 * every_s;
}

static void add_task(struct story *story, struct text *ini, uint32_t i, uint32_t pools, uint32_t size,
                     uint32_t groups) {
    static const char *const overlaps[] = {"skip", "queue", "allow"};
    static const char *const priorities[] = {"low", "normal", "high"};
    bool command = draw(story, 4) == 0, staged = !command && draw(story, 3) == 0;
    uint32_t most = command ? size + 1 : 2;
    uint32_t tokens = draw(story, most) + !command, every_ms = story->tasks[i].every_ms;
    if (*story->tasks[i].cron)
        text_add(ini, "[task t%u]\ncron = %s\n", i, story->tasks[i].cron);
    else
        text_add(ini, "[task t%u]\nevery = %ums\n", i, every_ms);
    if (staged)
        add_stages(story, ini);
    else
        text_add(ini, "%s\ntokens = %u\n", command ? "command = true" : "sql = DELETE FROM x",
                 tokens > size ? size : tokens);
    text_add(ini, "pool = p%u\npriority = %s\noverlap = %s\n", draw(story, pools), priorities[draw(story, 3)],
             overlaps[draw(story, 3)]);
    bool wakes = story->tasks[i].wakes || draw(story, 4) == 0;
    if (wakes)
        text_add(ini, "wake = c%u c%u\nwake_most_every = %ums\n", draw(story, CHANNELS / 2),
                 CHANNELS / 2 + draw(story, CHANNELS / 2), draw(story, 2) * draw(story, 3000));
    if (groups && draw(story, 2))
        text_add(ini, "group = g%u\n", draw(story, groups));
    bool makes_up = add_attempts(story, ini, command, every_ms);
    text_add(ini, "timeout = %ums\n", 100 + draw(story, 5000));
    if (story->seed % 2 && draw(story, 3) == 0)
        add_window(story, ini, !makes_up && !wakes);
    if (draw(story, 3) == 0 && !story->tasks[i].wakes)
        text_add(ini, "patience = %ums\n", draw(story, *story->tasks[i].cron ? 1000 : every_ms));
    uint32_t kind = command || staged ? 0 : draw(story, 8);
    if (kind == 1 || kind == 2)
        text_add(ini, "transaction = off\n");
    else if (kind > 5)
        text_add(ini, "repeat = rows\nrepeat_most = %u\n", kind == 6 ? 0 : 1 + draw(story, 5));
    if (!command && !staged && draw(story, 3) == 0)
        text_add(ini, "session = clean\n");
}

static void random_file(struct story *story, struct text *ini) {
    uint32_t pools = 1 + draw(story, 3), tasks = 1 + draw(story, TASKS_MOST - 1), size = 1 + draw(story, 8);
    uint32_t groups = draw(story, 2) ? draw(story, 4) : 0;
    bool keeps = story->seed % 3 != 0;
    text_add(ini, "[headgate]\ndrain_timeout = 2s\nchildren = %u\n", 1 + draw(story, 64));
    for (uint32_t i = 0; i < pools; i++)
        text_add(ini,
                 "[pool p%u]\nsize = %u\nshort = 60ms\nidle = %us\nrecycle = %us\nping = %us\nlinger = 5s\n"
                 "connect_timeout = 3s\nhistory = %s\n",
                 i, size, 1 + draw(story, 20), 5 + draw(story, 60), 1 + draw(story, 10),
                 keeps ? "on" : "off");
    for (uint32_t i = 0; i < groups; i++)
        text_add(ini, "[group g%u]\nlimit = %u\n", i, 1 + draw(story, 3));
    for (uint32_t i = 0; i < tasks; i++) {
        if (story->tasks[i].every_ms == 0)
            choose_schedule(story, &story->tasks[i]);
        add_task(story, ini, i, pools, size, groups);
    }
}

struct taskset *random_set(struct story *story) {
    struct text ini = {0}, complaint = {0};
    struct faults faults = {0};
    random_file(story, &ini);
    struct taskset *set = config_read(ini.bytes, ini.bytes_count, NULL, &faults);
    faults_print(&faults, "random", &complaint);
    if (faults.count)
        fprintf(stderr, "%s%s", ini.bytes, complaint.bytes);
    assert(faults.count == 0);
    text_finish(&ini);
    return set;
}
