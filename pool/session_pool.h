/*
 * What the sessions of one pool share: how to connect, under which name, and whom to tell. A pool whose
 * conninfo changes gets a new one; the old one goes with its last session.
 */
#ifndef POOL_SESSION_POOL_H
#define POOL_SESSION_POOL_H

#include "pool/session.h"
#include "tasks/taskset.h"

struct session_pool {
    uv_loop_t *loop;
    char *name;
    struct conninfo conninfo;
    char *conninfo_text;
    char application_name[64]; /* how the server shows them, and how leftovers are recognised */
    char **command_names;      /* application names of this pool's commands, ended with NULL */
    int64_t statement_timeout_us;
    bool plain_options;        /* the server refused our startup options: go without */
    char surveyed_since[32];   /* the server's time of the first survey, us since 1970; "" before it */
    char connect_error[512];   /* of the last attempt; "" after a success */
    uint32_t connect_failures; /* in a row */
    report_callback *report;
    void *context;
    int session_count; /* not freed yet */
    bool released;
};

/*
 * identity: what tells this daemon's sessions from another's on the same database (from host and ini file).
 * NULL when libpq cannot read the conninfo any more, as when a service file changed; then *ret_error is to
 * free().
 */
struct session_pool *session_pool_create(uv_loop_t *loop, const struct taskset *set, uint32_t pool,
                                         uint32_t identity, report_callback *report, void *context,
                                         char **ret_error);

/* Whether sessions opened under these settings would be the same. */
bool session_pool_fits(const struct session_pool *pool, const struct pool_settings *settings);

/* The owner needs it no more; it is freed with its last session. Accepts NULL. */
void session_pool_release(struct session_pool *pool);

/* Called for each session that was freed. */
void session_pool_left(struct session_pool *pool);

#endif
