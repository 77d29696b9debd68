/*
 * A connection pooler in front of the database knows what the database cannot: who waits for a server
 * connection. This asks PgBouncer's admin console, by SHOW POOLS, on a thread. The console
 * is PgBouncer's own: asking it takes no slot of PostgreSQL. What the answer means is not decided here.
 */
#ifndef POOL_ASK_POOLER_H
#define POOL_ASK_POOLER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* For the whole of an ask, the login included. */
#define POOLER_DEADLINE_MS 3000

/* Of all of a database's pools at PgBouncer, which has one for each user; none while nobody has logged in. */
struct pooler_load {
    bool known;        /* false: only error means anything */
    const char *error; /* one line, without a secret; NULL when known. Borrowed until the callback returns */
    int32_t waiting_count; /* clients that wait for a server connection; ours are among them */
};

/* Called once for each ask, from the loop, never from within pooler_ask(). It may ask again, or close. */
typedef void pooler_callback(void *context, const struct pooler_load *load);

struct pooler;

/*
 * Connects to nothing yet. All texts are copied.
 * conninfo: the console's; libpq's key=value pairs or URI. Without dbname it is the database pgbouncer. It
 * may hold no `options`: PgBouncer refuses startup parameters that it does not know. A user of stats_users is
 * enough. database: as the application names it at PgBouncer.
 */
struct pooler *pooler_open(uv_loop_t *loop, const char *conninfo, const char *database,
                           pooler_callback *callback, void *context);

/*
 * Logs in when there is no connection, and asks. Nothing happens while another ask is under way. A connection
 * that was lost since the last ask is made anew within this one; whatever else fails is tried at the next.
 */
void pooler_ask(struct pooler *pooler);

/* No callback after it; it frees itself when the loop lets go of its handles. Accepts NULL. */
void pooler_close(struct pooler *pooler);

#endif
