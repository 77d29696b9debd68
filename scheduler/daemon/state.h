/*
 * What a running daemon consists of. daemon.c makes it and ends it; each part says who else changes it. Only
 * the files of this folder include this header.
 *
 * From the top: daemon.c has the loop, its signals and reloads; operate.c and dump.c answer a person; feed.c
 * takes what happened through the core; perform.c does what the core asks for; follow.c fits all of this to a
 * new file; and log_events.c says what is worth a line.
 */
#ifndef SCHEDULER_DAEMON_STATE_H
#define SCHEDULER_DAEMON_STATE_H

#include <uv.h>

#include "pool/ask/pooler.h"
#include "pool/children/command.h"
#include "pool/children/spool.h"
#include "pool/session/session.h"
#include "pool/session/session_pool.h"
#include "scheduler/core/core.h"
#include "scheduler/core/state.h"
#include "scheduler/daemon/alarm.h"
#include "scheduler/daemon/control.h"
#include "scheduler/daemon/inbox.h"
#include "scheduler/daemon/pauses.h"
#include "scheduler/daemon/trouble.h"
#include "scheduler/history/histories.h"
#include "scheduler/log.h"

#define SIGNALS 4

struct errand;

/* A pooler and whom its answer is for. Made and closed by lookout.c. */
struct lookout {
    struct daemon *daemon;
    uint32_t pool;
    struct pooler *pooler; /* NULL: the pool has no pooler_conninfo */
    bool failed;           /* it could not be asked last time, which was told */
};

struct daemon {
    /* Who it is and what it runs. A reload (daemon.c) replaces the set. */
    const char *path; /* of the ini file, as it was given; borrowed */
    char *directory;  /* of the ini file, absolute: where commands run */
    uint32_t identity;
    char *name, *life;     /* identity.h */
    struct taskset *set;   /* a reference; the core has its own */
    struct wall loaded;    /* when the set was read */
    struct mono begun;     /* when the core was made */
    const char *once_task; /* run --once: this task; NULL: all of them */
    bool once_done;        /* its run has ended (perform.c sets this and the next) */
    enum outcome once_outcome;
    bool stopping; /* the core has drained (perform.c): the loop ends once its handles are closed */

    /* The loop and what wakes it. */
    uv_loop_t loop;
    uv_work_t first_work; /* has libuv make its threads at the start */
    struct alarm alarm;   /* core_next_wake() */
    uv_prepare_t prepare; /* both take the inbox through the core: before and after the loop waits */
    uv_check_t check;
    uv_signal_t signals[SIGNALS];
    struct control *control; /* NULL once it stops */

    /* The core and what it has not been told yet. Only feed.c steps it. */
    struct core *core;
    bool core_has_more;
    struct inbox inbox; /* filled by sessions, children and poolers; emptied by daemon.c */

    /* By the core's indexes; follow.c fits the arrays to its capacities. NULL where nothing is there. */
    struct session **
        sessions; /* perform.c: from ACTION_OPEN until EVENT_SESSION_GONE, just before the core takes it in */
    uint32_t session_capacity;
    struct command **commands; /* perform.c: by run, while its child is under way */
    struct errand **errands;   /* errand.c: by run of several stages, from its first stage to its record */
    uint32_t run_capacity;
    struct session_pool **pools; /* follow.c; each lives on until its last session is gone */
    struct lookout *lookouts;    /* by pool */
    uint32_t pool_count;
    struct spool_place spools;  /* where stages put what does not fit into memory */
    struct histories histories; /* by pool, where runs are put on record */
    struct text released;       /* what the run answers that is handed to its session: work.c */

    /* What a person asked for: operate.c. */
    struct pauses pauses;
    struct text pauses_path;

    /* What is told, and what was: log_events.c. */
    struct log log;
    struct troubles troubles;
};

#endif
