/*
 * Sessions without a daemon: a loop, a pool of sessions, and a list of all that they reported.
 */
#ifndef TESTS_INTEGRATION_DRIVER_H
#define TESTS_INTEGRATION_DRIVER_H

#include "harness.h"

#include "pool/budget/sample.h"
#include "pool/session/session.h"
#include "pool/session/session_pool.h"

/* A report, with copies of what it borrowed. */
struct note {
    enum report_kind kind;
    uint32_t session, run;
    enum outcome outcome;
    uint64_t row_count;
    bool simple, cancelled, breach, failed;
    char sqlstate[SQLSTATE_BYTES];
    char message[512];
    struct sample sample;
};

#define NOTES_MAX 512

struct driver {
    uv_loop_t loop;
    struct session_pool *pool;
    struct note notes[NOTES_MAX];
    uint32_t note_count;
    uint32_t run_count; /* given out as names */
    uint32_t session_count;
};

/* The pool is called p and has one command task, c. */
void driver_start(struct driver *driver, const char *conninfo);
/* Closes and forgets its sessions (NULL ends the list) and waits until all is over. */
void driver_finish(struct driver *driver, ...);

/* Opens one and waits until it is usable. */
struct session *driver_open(struct driver *driver);
/* Starts a run; flags: of these. Returns its name. */
enum { PROVEN = 1, CLEAN = 2, SIMPLE = 4, TRANSACTION = 8, KEEPS_PLANS = 16 };
uint32_t driver_run(struct driver *driver, struct session *session, const char *sql, int flags);

/* What is queued is sent, and one turn of the loop taken. */
void driver_turn(struct driver *driver);
/* Until a report of this kind comes; all that came before it is in the list, too. */
const struct note *driver_wait(struct driver *driver, enum report_kind kind);
/* Until the run of this name has ended. */
const struct note *driver_wait_run(struct driver *driver, uint32_t run);
const struct note *driver_sample(struct driver *driver, struct session *session);

/* How many such reports there are; and the first, or NULL. */
uint32_t driver_count(const struct driver *driver, enum report_kind kind);
const struct note *driver_run_note(const struct driver *driver, uint32_t run);

#endif
