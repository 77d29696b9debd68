/*
 * What the sessions of one pool share: how to connect, under which name, and whom to tell. A pool whose
 * conninfo changes gets a new one; the old one goes with its last session.
 */
#ifndef POOL_SESSION_SESSION_POOL_H
#define POOL_SESSION_SESSION_POOL_H

#include <sys/queue.h>
#include <uv.h>

#include "pool/budget/look.h"
#include "pool/budget/sample.h"
#include "pool/conninfo.h"
#include "pool/login/aside.h"
#include "pool/report.h"
#include "pool/session/channels.h"
#include "tasks/taskset.h"

struct session;

TAILQ_HEAD(session_list, session);

struct session_pool {
    uv_loop_t *loop;
    char *name;
    struct conninfo conninfo;
    char *conninfo_text;
    char application_name[LOOK_NAME_BYTES]; /* how the server shows them, and how leftovers are recognised */
    char *command_names;     /* application names of this pool's commands, as an array's text */
    const char *daemon_name; /* borrowed: in the history */
    int64_t statement_timeout_us, connect_timeout_us;
    struct aside *logins, *cancels; /* what may hang at its server, hangs at none else */
    bool checks_clients;            /* the server took our options and knows CONNINFO_CHECKS_CLIENTS */
    bool plain_options;             /* the server refused our startup options: go without */
    bool discards_plans;            /* the server refused a cleaning that keeps them */
    bool pooled; /* a connection pooler is in between: the state of a session is not ours to rely on */
    double sampled_since; /* the first login that sampled, by the server, seconds since 1970; 0 before */
    struct sample facts;  /* what the last look told of what changes rarely, and nothing else */
    uint64_t facts_asked_ns;
    char connect_error[512];         /* of the last attempt; "" after a success */
    uint32_t connect_failures;       /* in a row */
    char listen_error[512];          /* of the last LISTEN; "": it was not refused */
    uint32_t channels_changed_count; /* times that runs have changed to what their session listens */
    report_callback *report;
    void *context;
    struct channels channels;     /* that wake its tasks */
    struct session *listener;     /* listens to them, or was asked to; NULL: none */
    struct session_list sessions; /* all that are not freed yet, lingering ones too */
    struct session_list unsent;   /* of these: with something queued since the last flush */
    bool released;
    uint32_t kept_count;
};

/*
 * identity: what tells this daemon's sessions from another's on the same database (from host and ini file).
 * NULL when libpq cannot read the conninfo any more, as when a service file changed; then *ret_error is to
 * free().
 */
struct session_pool *session_pool_create(uv_loop_t *loop, const struct taskset *set, uint32_t pool,
                                         uint32_t identity, report_callback *report, void *context,
                                         char **ret_error);

/*
 * Goes over to a new file under which it still fits: the names of its commands. Or, freshly made, follows the
 * one before it on the same server: since when we look at it.
 */
void session_pool_follow(struct session_pool *pool, const struct taskset *set, uint32_t index);
void session_pool_inherit(struct session_pool *pool, const struct session_pool *before);

/* Whether sessions opened under these settings would be the same. */
bool session_pool_fits(const struct session_pool *pool, const struct pool_settings *settings);

/* The owner needs it no more; it is freed with its last session. Accepts NULL. */
void session_pool_release(struct session_pool *pool);

/* It stays, even released, until as many calls of session_pool_release_kept() have followed. */
void session_pool_keep(struct session_pool *pool);
void session_pool_release_kept(struct session_pool *pool);

/* Called by each session when it is made, and just before it is freed. */
void session_pool_enter(struct session_pool *pool, struct session *session);
void session_pool_leave(struct session_pool *pool, struct session *session);

#endif
