/*
 * Plays a script of events on a core, under a clock of its own, and notes each action as a line of text. Between two
 * events it ticks whenever core_next_wake() says, as the daemon would. A line of a script is an instant since the
 * start and what happens then:
 *
 *     2s tick                  nothing but time          2s ended #1 ok [ROWS]     run 1 ended
 *     2s stall                 as tick, but the wakes    2s unsent #1              nothing of it was sent
 *                              in between were missed    2s trigger TASK           run it now
 *     2s opened s1 [s2 ...]    sessions, numbered as     2s drain
 *     2s ready s1 [...]        they were opened          2s clock +5s | -5s        the wall clock is set
 *     2s broken s1 [...]                                 2s reload                 go over to the next ini
 *     2s gone s1 [...]                                   2s status                 note the dump
 *     2s failed s1 full        full | starting | unreachable | needs_person | options
 *     2s surveyed s1 3         how many are left over    2s tokens, 2s wake        note the sums, the next wake
 *
 * The wall clock starts at a midnight (UTC), so `phase = 3s` is due at 3s. A line that begins with # is noted as it is.
 */
#ifndef TESTS_UNIT_PLAY_H
#define TESTS_UNIT_PLAY_H

#include "helper.h"
#include "scheduler/core.h"

#define PLAY_WALL_START_US (INT64_C(20000) * US_PER_DAY)
#define PLAY_MONO_START_US (5000 * US_PER_S)
#define PLAY_NAMES_MAX     512

struct play {
    struct core *core;
    const char *next_ini;     /* for reload; borrowed */
    int64_t now_us;           /* since the start */
    int64_t wall_shift_us;    /* how far the wall clock was set */
    struct handle sessions[PLAY_NAMES_MAX]; /* by number less one */
    uint32_t session_count;
    struct handle runs[PLAY_NAMES_MAX]; /* by run number */
    struct text log;
};

/* armed: tasks become due by themselves. */
void play_init(struct play *play, const char *ini, bool armed);
void play_finish(struct play *play);

/* All lines of the script. */
void play_script(struct play *play, const char *script);

/* Any event, with the play's time. */
void play_event(struct play *play, struct event event);

/* Texts between two lines of a table of cases. */
struct play_case {
    const char *name; /* <unit>_<situation>_<expectation> */
    const char *ini, *script, *expected;
    const char *next_ini; /* for reload */
};

/* Runs each case as a test of its own. */
int play_cases(const struct play_case *cases, size_t count);

#endif
