/*
 * From a conninfo to a PostgreSQL connection that is logged in, as libpq does it, but for what it does not
 * when it must not block: each host and address has its own share of time, and each says why it did not let
 * us in. Looking up names and libpq's own connecting, in which a server may have it compute for as long as it
 * likes, are done aside. Nothing is ever written to stderr.
 */
#ifndef POOL_LOGIN_LOGIN_H
#define POOL_LOGIN_LOGIN_H

#include "pool/conninfo.h"
#include "pool/login/aside.h"
#include "pool/outcome.h"

/* All of it is copied. */
struct login_request {
    const struct conninfo *conninfo;
    const char *text;               /* the conninfo as the user wrote it; "": none */
    const char *const (*before)[2]; /* keyword, value: what it may say otherwise; ends with {NULL, NULL}; a
                                       NULL value is none */
    const char *const (*behind)[2]; /* what it may not; both may be NULL */
    int64_t timeout_us;             /* for each lookup of a name, and for each address */
};

struct login_failure {
    enum connect_failure kind;
    char sqlstate[SQLSTATE_BYTES]; /* "" when no server said one */
    const char *message;           /* one line; each host's own reason. Borrowed until the callback returns */
};

/*
 * Called once, from the loop. conn: taken, or NULL after a failure, which is borrowed. fd: a copy of the
 * socket that was left, at whose other end a backend may still be; -1: none.
 */
typedef void login_callback(void *context, PGconn *conn, const struct login_failure *failure, int fd);

struct login;

/* The callback is never called from within it. */
struct login *login_start(uv_loop_t *loop, struct aside *aside, const struct login_request *request,
                          login_callback *callback, void *context);

/* The callback is not called. The same fd as its. */
int login_leave(struct login *login);

/* The same for who may wait: without a loop. NULL with one line in `error`. What hangs in the resolver or in
 * libpq is left to its thread: aside_threads_left(). */
PGconn *login_now(const struct login_request *request, struct text *error, enum connect_failure *ret_kind);

/* The value of `options` with which the daemon's sessions log in, where a pooler or the server takes it. */
void login_options(const struct conninfo *conninfo, int64_t statement_timeout_us, struct text *text);

#endif
