/*
 * The history of a pool, as the core sees it: whether runs can be put on record, and when a session is asked
 * for that. What is on record is the shell's (backlog.c) and the server's business.
 */
#ifndef SCHEDULER_CORE_RECORDING_H
#define SCHEDULER_CORE_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

#include "pool/handle.h"
#include "tasks/instant.h"
#include "tasks/stage.h"

/* Records are written so many at once. */
#define RECORDING_BATCH_COUNT 500

enum recording_state {
    RECORDING_OFF,    /* history = off */
    RECORDING_NEW,    /* nothing of the pool starts before it is known what is answered */
    RECORDING_ON,     /* runs are put on record before they start */
    RECORDING_BROKEN, /* it cannot be written: runs go on without, and their records wait */
};

struct recording {
    enum recording_state state;
    bool restored;          /* once, since the daemon's start */
    struct handle asked;    /* the session that is asked, or none */
    uint32_t pending_count; /* records that wait to be written */
    struct mono pending_since;
    uint32_t refused_count;    /* in a row, each as if it would pass */
    struct mono refused_since; /* the first of them */
    uint32_t lost_count;       /* sessions in a row that were lost while they were asked */
    bool doubted;              /* a claim waited for too long: is it the table? */
    struct mono broken_since;
    struct mono next_try; /* not before: it failed, or a reload has nothing to say */
};

struct core;
struct core_pool;
struct core_task;
struct action;
struct actions;
struct event;
struct run;

void recording_begin(struct core_pool *pool); /* by its settings */
/* Whether a session that is idle is to be asked now. */
bool recording_wants(const struct core *core, const struct core_pool *pool);
/* When it will be, if nothing happens. */
struct mono recording_next_ask(const struct core *core, const struct core_pool *pool);
void recording_ask(struct core *core, struct core_pool *pool, uint32_t session, struct actions *actions);
/* Where none is open. While the daemon stops: whether to wait for one. */
bool recording_is_worth_a_session(const struct core *core, const struct core_pool *pool);
void recording_serve(struct core *core, struct core_pool *pool, struct actions *actions); /* it wants */
void recording_answered(struct core *core, struct core_pool *pool, const struct event *event,
                        struct actions *actions);
void recording_lost(struct core *core, uint32_t session); /* it leaves; it may be the one that was asked */
void recording_unanswered(struct core *core, uint32_t session, struct actions *actions); /* in time */
void recording_cut_off(struct core *core, uint32_t session,
                       struct actions *actions); /* its session was lost */
/* A record was handed out. */
void recording_add(struct core *core, struct core_pool *pool);
/* Nothing is left, nor will come of what is under way, that only a session could write down. */
bool recording_is_settled(const struct core *core, const struct core_pool *pool);
/* Outside work and commands have their claim committed on a session first. */
enum stage recording_first_stage(const struct core *core, const struct core_task *task);
void recording_claimed(struct core *core, uint32_t run, const struct event *event, struct actions *actions);
/* Of a run about to be sent: sets how it is put on record. */
void recording_claim(const struct core *core, struct run *run);
/* Its claim is committed; what lies before `from` was answered by another run. */
void recording_note_claim(struct run *run, struct wall from);
/* A run whose claim was refused. True: that was its end, or it waits again. */
bool recording_refused(struct core *core, uint32_t run, const struct event *event, struct actions *actions);

#endif
