/*
 * A core under a fake clock: what the tests of the core's files share. Time starts at zero and moves when a test
 * says so; the wall clock is UTC and starts at 1 000 000 000 s. Every step's actions are kept until the next one.
 */
#ifndef TESTS_UNIT_FIXTURE_H
#define TESTS_UNIT_FIXTURE_H

#include "scheduler/core/core.h"
#include "scheduler/core/state.h"
#include "tests/unit/helper.h"

#define WALL_START_US (INT64_C(1000000000) * US_PER_S)
#define KEPT_MAX      512

struct fixture {
    struct core *core;
    struct mono now;
    struct wall wall;
    uint32_t count;
    struct action kept[KEPT_MAX]; /* of the last event and of the ticks that finished its work */
};

/* On the taskset of an ini text, as helper_taskset() reads it. */
struct fixture *fixture_create(const char *ini);
struct fixture *fixture_create_unarmed(const char *ini); /* nothing is due by itself: for fixture_trigger() */
void fixture_destroy(struct fixture *fixture);
void fixture_reload(struct fixture *fixture, const char *ini); /* and one tick */

/* --- time and events --- */

void fixture_advance(struct fixture *fixture, int64_t us);       /* both clocks, without a step of the core */
void fixture_step(struct fixture *fixture, struct event event);  /* at the present instant, until no more to do */
void fixture_tick(struct fixture *fixture);
void fixture_pass(struct fixture *fixture, int64_t us);          /* advance and tick */
void fixture_session(struct fixture *fixture, enum event_kind kind, struct handle session);
void fixture_fail(struct fixture *fixture, struct handle session, enum connect_failure failure);
/* A look at a server of 100 slots on which nobody but we have sessions. */
struct sample fixture_roomy(void);
void fixture_look(struct fixture *fixture, struct handle session, const struct sample *sample);
void fixture_sample(struct fixture *fixture, struct handle session, int32_t leftover_count); /* roomy */
void fixture_end(struct fixture *fixture, struct handle run, enum outcome outcome);
void fixture_end_with(struct fixture *fixture, struct handle run, enum outcome outcome, enum failure_kind failure,
                      uint64_t row_count);
void fixture_unsent(struct fixture *fixture, struct handle run);
void fixture_trigger(struct fixture *fixture, const char *task);
void fixture_drain(struct fixture *fixture);

/*
 * Opens the first session: `task` is triggered, the session it asks for logs in and finds nothing left over, and
 * the task starts on it. Returns its run.
 */
struct handle fixture_first_run(struct fixture *fixture, const char *task);

/* The same, ended and cleaned: the session returned is warm. */
struct handle fixture_warm_up(struct fixture *fixture, const char *task);

/* --- what came out --- */

const struct action *fixture_find(const struct fixture *fixture, enum action_kind kind); /* the first, or NULL */
const struct action *fixture_need(const struct fixture *fixture, enum action_kind kind); /* fails the test on NULL */
uint32_t fixture_count(const struct fixture *fixture, enum action_kind kind);

/* The START of the task's run in the last step; fails the test when there is none. */
struct handle fixture_started(const struct fixture *fixture, const char *task);

uint32_t fixture_task(const struct fixture *fixture, const char *name);
const struct core_task *fixture_core_task(const struct fixture *fixture, const char *name);

#endif
