/*
 * Notifications: they are heard by the sessions that listen when they are sent, once no run is under way
 * there, and by nobody else. Whatever becomes of those sessions, a run of each task that was notified begins
 * after that.
 */
#include <stdio.h>
#include <string.h>

#include "scheduler/core/run.h"
#include "sim.h"

#define EVERY_US      (300 * US_PER_MS)
#define ON_ITS_WAY_US US_PER_MS
#define AGAIN_US      (5 * US_PER_MS) /* whether a run is still under way */

/* All that may keep a task from beginning is over by then: a hold, a run that takes long, the session that is
 * asked in vain. */
#define BEGINS_WITHIN_US (100 * US_PER_S)

static const char *name_of(uint32_t channel, char name[static 8]) {
    memcpy(name, "c0", 3);
    name[1] = (char)('0' + channel);
    return name;
}

static void send_to(struct story *story, uint32_t session, uint32_t channel) {
    struct notices *notices = &story->notices;
    if (notices->count == NOTICES_MOST)
        return; /* there are as many of it on their way */
    notices->items[notices->count++] = (struct notice){story->world.now_us + some_time(story, ON_ITS_WAY_US),
                                                       channel,
                                                       {session, story->world.sessions[session].generation}};
}

static void note_notified(struct story *story, const char *name) {
    const struct taskset *set = story->world.core->set;
    for (uint32_t i = 0; i < set->wakes.count; i++)
        if (strcmp(set->wakes.items[i].channel, name) == 0)
            task_of(story, &set->tasks[set->wakes.items[i].task])->notified_us = story->world.now_us;
}

static bool hears(const struct model_session *session, const char *name) {
    return session->listens && !session->broken &&
           wakes_of_channel(session->listens->wakes, session->listens_pool, name).count > 0;
}

static void notify(struct story *story) {
    const struct world *world = &story->world;
    uint32_t channel = draw(story, CHANNELS);
    char name[8];
    name_of(channel, name);
    for (uint32_t i = 0; i < world->core->session_used; i++)
        if (hears(&world->sessions[i], name))
            send_to(story, i, channel);
    note_notified(story, name);
}

/* Between two transactions, as a server does. */
static void deliver(struct story *story, struct notice *notice) {
    struct world *world = &story->world;
    const struct model_session *session = &world->sessions[notice->session.index];
    char name[8];
    name_of(notice->channel, name);
    if (session->generation != notice->session.generation || !hears(session, name))
        notice->channel = CHANNELS;
    else if (session->run_first != INDEX_NONE)
        notice->at_us = world->now_us + AGAIN_US;
    else {
        uint32_t pool = world->core->sessions[notice->session.index].pool;
        notice->channel = CHANNELS;
        if (pool >= world->core->set->pool_count)
            return;
        struct wakes wakes = wakes_of_channel(world->core->set->wakes, pool, name);
        for (uint32_t i = 0; i < wakes.count; i++)
            world_feed(world, (struct event){.kind = EVENT_WAKE, .task = wakes.items[i].task});
    }
}

int64_t notified_next_us(const struct story *story) {
    int64_t at_us = story->notices.next_us;
    for (uint32_t i = 0; i < story->notices.count; i++)
        at_us = story->notices.items[i].at_us < at_us ? story->notices.items[i].at_us : at_us;
    return at_us;
}

void notified_pass(struct story *story) {
    struct notices *notices = &story->notices;
    uint32_t kept = 0, count = notices->count;
    if (notices->next_us <= story->world.now_us) {
        notify(story);
        notices->next_us = story->world.now_us + some_time(story, EVERY_US);
    }
    for (uint32_t i = 0; i < count; i++)
        if (notices->items[i].at_us <= story->world.now_us)
            deliver(story, &notices->items[i]);
    for (uint32_t i = 0; i < notices->count; i++)
        if (notices->items[i].channel < CHANNELS)
            notices->items[kept++] = notices->items[i];
    notices->count = kept;
}

void notified_end_life(struct story *story) {
    story->notices.count = 0;
}

void notified_start(struct story *story, const struct run *run) {
    if (run->stage <= stage_first(run->definition)) /* its claim, and its guard, are before its work */
        task_of(story, run->definition)->begun_us = story->world.now_us;
}

void notified_follow(struct story *story) {
    const struct taskset *set = story->world.core->set;
    for (uint32_t i = 0; i < TASKS_MOST; i++) {
        char name[8] = "";
        snprintf(name, sizeof name, "t%u", i);
        uint32_t index = taskset_find_task(set, name);
        if (index == TASKSET_NONE || !set->tasks[index].wake || !set->tasks[index].enabled)
            story->tasks[i].notified_us = 0;
    }
}

void notified_check(const struct story *story) {
    const struct core *core = story->world.core;
    for (uint32_t i = 0; i < core->set->task_count; i++) {
        const struct task *task = core->tasks[i].definition;
        const struct sim_task *own = &story->tasks[number_of(task->name)];
        bool may_wait = own->paused || task->window || task->repeat ||
                        (story->scarce && (task->tokens > 1 || task->work == WORK_COMMAND));
        if (may_wait || own->notified_us == 0 || own->begun_us > own->notified_us ||
            story->world.now_us - own->notified_us < BEGINS_WITHIN_US)
            continue;
        fprintf(stderr, "task %s: notified at %.6f, begun at %.6f\n", task->name,
                (double)own->notified_us / 1e6, (double)own->begun_us / 1e6);
        fail_dump(story, "no run has begun after a notification");
    }
}
