#include "tests/unit/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- making --- */

static struct fixture *create(const char *ini, bool armed) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->wall.us = WALL_START_US;
    struct taskset *set = helper_taskset(ini);
    fixture->core = core_create(set, 1, armed, fixture->now, fixture->wall);
    taskset_unref(set);
    fixture_tick(fixture);
    return fixture;
}

struct fixture *fixture_create(const char *ini) {
    return create(ini, true);
}

struct fixture *fixture_create_unarmed(const char *ini) {
    return create(ini, false);
}

void fixture_destroy(struct fixture *fixture) {
    core_destroy(fixture->core);
    free(fixture);
}

void fixture_reload(struct fixture *fixture, const char *ini) {
    struct taskset *set = helper_taskset(ini);
    core_reload(fixture->core, set, fixture->now, fixture->wall);
    taskset_unref(set);
    fixture_tick(fixture);
}

/* --- time and events --- */

void fixture_advance(struct fixture *fixture, int64_t us) {
    fixture->now.us += us;
    fixture->wall.us += us;
}

void fixture_step(struct fixture *fixture, struct event event) {
    struct actions actions;
    bool more = true;
    fixture->count = 0;
    event.now = fixture->now;
    event.wall = fixture->wall;
    for (int turn = 0; more; turn++) {
        assert_in_range(turn, 0, 100);
        more = core_step(fixture->core, &event, &actions);
        assert_true(fixture->count + actions.count <= KEPT_MAX);
        memcpy(fixture->kept + fixture->count, actions.items, actions.count * sizeof *actions.items);
        fixture->count += actions.count;
        event.kind = EVENT_TICK;
    }
    for (uint32_t i = 0; i < fixture->core->pool_count; i++) {
        struct tokens tokens = fixture->core->pools[i].tokens;
        assert_true(tokens_taken(&tokens) <= tokens.size || fixture->core->pools[i].retired);
    }
}

void fixture_tick(struct fixture *fixture) {
    fixture_step(fixture, (struct event){.kind = EVENT_TICK});
}

void fixture_pass(struct fixture *fixture, int64_t us) {
    fixture_advance(fixture, us);
    fixture_tick(fixture);
}

void fixture_session(struct fixture *fixture, enum event_kind kind, struct handle session) {
    fixture_step(fixture, (struct event){.kind = kind, .session = session});
}

void fixture_fail(struct fixture *fixture, struct handle session, enum connect_failure failure) {
    struct event event = {.kind = EVENT_SESSION_FAILED, .session = session};
    event.failed.failure = failure;
    fixture_step(fixture, event);
}

struct sample fixture_roomy(void) {
    struct sample sample = {.known = true, .max_connections = 100, .core_count = 2, .round_trip_us = 500};
    sample.scopes[SCOPE_SERVER].usable = 97;
    sample.scopes[SCOPE_ROLE].usable = sample.scopes[SCOPE_DATABASE].usable = SLOTS_UNLIMITED;
    return sample;
}

void fixture_look(struct fixture *fixture, struct handle session, const struct sample *sample) {
    fixture_step(fixture, (struct event){.kind = EVENT_SAMPLED, .session = session, .sample = sample});
}

void fixture_sample(struct fixture *fixture, struct handle session, int32_t leftover_count) {
    struct sample sample = fixture_roomy();
    sample.leftover_count = leftover_count;
    fixture_look(fixture, session, &sample);
}

void fixture_end(struct fixture *fixture, struct handle run, enum outcome outcome) {
    fixture_end_with(fixture, run, outcome, FAILURE_OTHER, 1);
}

void fixture_end_with(struct fixture *fixture, struct handle run, enum outcome outcome, enum failure_kind failure,
                      uint64_t row_count) {
    struct event event = {.kind = EVENT_RUN_ENDED, .run = run};
    event.ended.outcome = outcome;
    event.ended.failure = failure;
    event.ended.row_count = event.ended.changed_count = row_count;
    fixture_step(fixture, event);
}

void fixture_unsent(struct fixture *fixture, struct handle run) {
    fixture_step(fixture, (struct event){.kind = EVENT_RUN_UNSENT, .run = run});
}

void fixture_trigger(struct fixture *fixture, const char *task) {
    fixture_step(fixture, (struct event){.kind = EVENT_TRIGGER, .task = fixture_task(fixture, task)});
}

void fixture_drain(struct fixture *fixture) {
    fixture_step(fixture, (struct event){.kind = EVENT_DRAIN});
}

struct handle fixture_first_run(struct fixture *fixture, const char *task) {
    fixture_trigger(fixture, task);
    struct handle session = fixture_need(fixture, ACTION_OPEN)->session;
    fixture_session(fixture, EVENT_SESSION_OPENED, session);
    assert_true(handle_is(fixture_need(fixture, ACTION_SAMPLE)->session, session));
    fixture_sample(fixture, session, 0);
    return fixture_started(fixture, task);
}

struct handle fixture_warm_up(struct fixture *fixture, const char *task) {
    struct handle run = fixture_first_run(fixture, task);
    struct handle session = core_run(fixture->core, run)->session;
    fixture_end(fixture, run, OUTCOME_OK);
    fixture_session(fixture, EVENT_SESSION_READY, session);
    assert_int_equal(core_session(fixture->core, session)->state, CORE_SESSION_WARM);
    return session;
}

/* --- what came out --- */

const struct action *fixture_find(const struct fixture *fixture, enum action_kind kind) {
    for (uint32_t i = 0; i < fixture->count; i++)
        if (fixture->kept[i].kind == kind)
            return &fixture->kept[i];
    return NULL;
}

const struct action *fixture_need(const struct fixture *fixture, enum action_kind kind) {
    const struct action *action = fixture_find(fixture, kind);
    assert_non_null(action);
    return action;
}

uint32_t fixture_count(const struct fixture *fixture, enum action_kind kind) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < fixture->count; i++)
        count += fixture->kept[i].kind == kind;
    return count;
}

struct handle fixture_started(const struct fixture *fixture, const char *task) {
    uint32_t index = fixture_task(fixture, task);
    for (uint32_t i = 0; i < fixture->count; i++)
        if (fixture->kept[i].kind == ACTION_START && fixture->kept[i].task == index)
            return fixture->kept[i].run;
    fail_msg("%s did not start", task);
    return HANDLE_NONE;
}

uint32_t fixture_task(const struct fixture *fixture, const char *name) {
    uint32_t index = taskset_find_task(fixture->core->set, name);
    assert_int_not_equal(index, TASKSET_NONE);
    return index;
}

const struct core_task *fixture_core_task(const struct fixture *fixture, const char *name) {
    return &fixture->core->tasks[fixture_task(fixture, name)];
}
