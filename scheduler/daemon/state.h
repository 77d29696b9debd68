/*
 * What the files of the daemon lend each other: daemon.c (the loop), perform.c (actions become sessions and
 * children), operate.c (what a person asks
 * for), log_events.c (what happened becomes log lines). Not for anybody else.
 */
#ifndef SCHEDULER_DAEMON_STATE_H
#define SCHEDULER_DAEMON_STATE_H

#include <jansson.h>
#include <uv.h>

#include "pool/ask/pooler.h"
#include "pool/session/session.h"
#include "pool/session/session_pool.h"
#include "pool/work/command.h"
#include "pool/work/spool.h"
#include "scheduler/core/core.h"
#include "scheduler/daemon/alarm.h"
#include "scheduler/daemon/control.h"
#include "scheduler/daemon/log.h"
#include "scheduler/daemon/pauses.h"
#include "scheduler/daemon/trouble.h"
#include "scheduler/history/backlog.h"
#include "scheduler/status/rows.h"

#define SIGNALS 4

/* Whom a pooler's answer is for. */
struct pooler_context {
    struct daemon *daemon;
    uint32_t pool;
    bool told; /* that it could not be asked */
};

/* The history of a pool. */
struct history {
    char *pool;  /* owned, as is: */
    char *place; /* the pool's */
    struct backlog *backlog;
    bool restoring, meeting; /* what is asked now */
    struct mono meet_at;
    char shared[256]; /* another daemon that has our name, and other tasks; "": none */
    struct mono prune_at;
    uint32_t written_count; /* records, since old rows were looked for */
    char error[256];        /* why nothing could be written; "" after a success */
};

/* An event on its way to the core, with an owned copy of what was said of a failure. */
struct queued {
    struct event event; /* owns its sample */
    bool has_failure;
    struct failure failure;
    char *answer; /* of the history; owned */
};

struct daemon {
    uv_loop_t loop;
    struct log log;
    const char *path;
    char *directory; /* of the ini file, absolute: where commands run */
    struct taskset *set;
    struct core *core;
    uint32_t identity;
    char *name;         /* in the history: host and ini file */
    uint64_t work_hash; /* of what the present file's tasks do: asked for each few seconds */
    char *life;         /* that, and which of its lives this is: what an earlier one left running is lost */
    struct wall loaded;
    struct mono begun;

    uv_work_t first_work; /* has libuv make its threads at the start */
    struct alarm alarm;   /* core_next_wake */
    uv_prepare_t prepare; /* both hand queued events to the core: before and after the loop waits */
    uv_check_t check;
    uv_signal_t signals[SIGNALS];
    struct control *control;

    struct queued *queue;
    uint32_t queue_count, queue_capacity;
    bool core_has_more;

    /* By the core's sessions and pools; the arrays follow its capacities. */
    struct session **sessions;
    uint32_t session_capacity;
    struct command **commands;
    uint32_t command_capacity;
    struct errand **errands;
    struct spool_place spools;
    struct session_pool **pools;
    struct pooler **poolers; /* by pool; NULL without a pooler_conninfo */
    struct pooler_context *pooler_contexts;
    uint32_t pool_count;
    struct history **histories; /* by pool; NULL without a history */
    uint32_t history_count;
    struct text line; /* a record is composed here */

    struct pauses pauses;
    struct text pauses_path;

    struct troubles troubles;
    const char *answer;            /* of the history, in the event that is being taken in */
    const struct failure *failure; /* of the event that is being performed; or NULL */

    const char *once_task;
    enum outcome once_outcome;
    bool once_done;
    bool stopping;
};

/* daemon.c */
struct mono daemon_now(void);
void daemon_report(void *daemon, const struct report *report, const struct failure *failure);
void daemon_event(struct daemon *daemon, const struct event *event);
void daemon_feed(struct daemon *daemon, struct event *event); /* through the core at once, at this instant */

/* dump.c */
enum dump_form { DUMP_TABLE, DUMP_JSON, DUMP_METRICS };
void dump_compose(struct daemon *daemon, enum dump_form form, uint32_t width, struct text *text);
void dump_write(struct daemon *daemon); /* to the log or the status file */

/* operate.c */
void operate_open(struct daemon *daemon, const char *control_path); /* reads what is paused */
void operate_move(struct daemon *daemon, const char *control_path); /* after a reload: where it is kept */
void operate_follow(struct daemon *daemon); /* what is paused of the present file is told to the core */
const struct pause *operate_pause_of(const void *daemon, const char *task); /* NULL: nobody paused it */
void operate_close(struct daemon *daemon);
/* False: this is none of its requests. uid: of the asker. */
bool operate(struct daemon *daemon, const char *request, uid_t uid, struct text *answer);

/* perform.c */
void perform(struct daemon *daemon, const struct actions *actions);
void perform_event(struct daemon *daemon,
                   struct event *event); /* before the core gets it; adds what the shell knows */
/*
 * The core's, for its present file. Arrays follow its capacities; session pools that still fit are kept,
 * `fresh` has the others, by the file's pools.
 */
void perform_follow(struct daemon *daemon, struct session_pool **fresh);
/* Session pools for what the file changes, by its pools, to free(); NULL with `error` filled. */
struct session_pool **perform_prepare(struct daemon *daemon, struct taskset *set, struct text *error);
void perform_finish(struct daemon *daemon);

struct session *perform_session(const struct daemon *daemon, struct handle handle); /* NULL: none */
struct session_work perform_session_work(const struct daemon *daemon, struct handle handle,
                                         const struct run *run); /* without its text */
struct command_work perform_command_work(const struct daemon *daemon, struct handle handle,
                                         const struct run *run);

/* errand.c, by run index */
void errand_start(struct daemon *daemon, const struct action *action, const struct run *run);
void errand_signal(struct daemon *daemon, uint32_t run, int signal);
void errand_worked(struct daemon *daemon, uint32_t run); /* the outside work under way has ended */
/* What a part of its work failed of; borrowed. False: nothing. */
bool errand_complaint(const struct daemon *daemon, uint32_t run, struct failure *ret);
struct progress errand_progress(const struct daemon *daemon, uint32_t run);
void errand_end(struct daemon *daemon, uint32_t run);

/* lookout.c */
void lookout_follow(struct daemon *daemon); /* the poolers of the present file */
void lookout_close(struct daemon *daemon);
void lookout_sampled(struct daemon *daemon, uint32_t pool, const struct sample *sample);

/* history.c */
void history_record(struct daemon *daemon, const struct action *action);
void history_ask(struct daemon *daemon, const struct action *action);
void history_take(struct daemon *daemon, uint32_t pool, struct event *event);
void history_tell(struct daemon *daemon, uint32_t pool); /* its state has changed */
struct bookkeeping history_books(const struct daemon *daemon, uint32_t pool);
void history_follow(struct daemon *daemon);
void history_close(struct daemon *daemon);
char *history_life(const char *name, struct wall now); /* to free() */

/* namesake.c: asks, where it is time; takes a row of the answer; and what all of it came to ("": nobody). */
#define NAMESAKE_TEXT_BYTES 17
void namesake_ask(const struct daemon *daemon, struct history *history, struct history_question *request,
                  char text[static NAMESAKE_TEXT_BYTES]);
void namesake_take(const json_t *row, char *shared, size_t bytes);
void namesake_note(struct daemon *daemon, uint32_t pool, const char *shared);

/* log_events.c */
const char *log_skip_reason(enum skip_cause cause);
const char *log_skip_outcome(enum skip_cause cause);
void log_record(struct daemon *daemon, const struct action *action);
void log_gate(struct daemon *daemon, uint32_t pool);                    /* its limit changed */
void log_blind(struct daemon *daemon, const struct session_pool *pool); /* a sample failed */
/* When the clocks of the server and of ours come apart, and when they agree again. */
void log_clocks(struct daemon *daemon, const struct sample *sample, uint32_t pool);
void log_pooler(struct daemon *daemon, uint32_t pool, const char *error);
void log_resolved(struct daemon *daemon, const char *task, const char *due, const struct event *event);
void log_kept(struct daemon *daemon, const struct action *action);
void log_retry(struct daemon *daemon, const struct action *action);
void log_ahead(struct daemon *daemon, const struct action *action);
void log_hold(struct daemon *daemon, const struct action *action);
void log_breach(struct daemon *daemon, const struct action *action);
void log_heavier(struct daemon *daemon, const struct action *action);
void log_standby(struct daemon *daemon, const struct action *action);
void log_connect(struct daemon *daemon, struct session_pool *pool, const struct failure *failure);
void log_connected(struct daemon *daemon, struct session_pool *pool, struct session *session);

#endif
