/*
 * What a pool's conninfo means once libpq has read it: service files, PG* variables and defaults included.
 * No connection is made and nothing is looked up.
 */
#ifndef POOL_CONNINFO_H
#define POOL_CONNINFO_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "tasks/text.h"

struct conninfo {
    PQconninfoOption *options; /* libpq's, every keyword with the value in force; NULL: not resolved */
};

/* False when libpq can't read it; then *ret_error is a sentence to free(), without any secret in it. */
bool conninfo_resolve(const char *text, struct conninfo *ret, char **ret_error)
    __attribute__((warn_unused_result));
void conninfo_finish(struct conninfo *conninfo);

/* The value of a keyword, "" when it has none. Borrowed. */
const char *conninfo_get(const struct conninfo *conninfo, const char *keyword);

/* One of its hosts, as libpq pairs them; "": none given. */
struct conninfo_host {
    const char *name, *address, *port;
};

#define CONNINFO_HOSTS_MAX 32 /* what is beyond is not tried */

/* In their order, at least one. Finish it. */
struct conninfo_hosts {
    uint32_t count;
    struct conninfo_host items[CONNINFO_HOSTS_MAX];
    char *lists[3]; /* owned: what the items point into */
};

void conninfo_hosts(const struct conninfo *conninfo, struct conninfo_hosts *ret);
void conninfo_hosts_finish(struct conninfo_hosts *hosts);
bool conninfo_host_is_socket(const struct conninfo_host *host);

/* Whether the text itself gives the keyword a value. */
bool conninfo_gives(const char *text, const char *keyword);

/* Hands each keyword that the text itself gives to `add`, but no secret; both are borrowed for the call. */
void conninfo_given(const char *text, void (*add)(void *context, const char *keyword, const char *value),
                    void *context);

/* Whether the text itself holds a password (not a password file, not the environment). */
bool conninfo_holds_secret(const char *text);

/* "office_db on /run/postgresql as app", for messages. */
void conninfo_describe(const struct conninfo *conninfo, struct text *text);

/* Which server and database, in one text: where these are the same, so is that. Who logs in and how is not in
 * it. */
void conninfo_place(const struct conninfo *conninfo, struct text *text);

/*
 * A sentence where a password that libpq has for it, from wherever, would be given in clear to whoever
 * answers at a host that is not this one; else nothing.
 */
void conninfo_warn(const char *text, struct text *ret);

/* A startup option by which the server sees, even in the middle of a statement, that its client is dead. From
 * PostgreSQL 14 on; an earlier one refuses the login. */
#define CONNINFO_CHECKS_CLIENTS "-c client_connection_check_interval=2s"

/*
 * NAME=VALUE for each setting that libpq would take from the environment and that is not its built-in
 * default, handed to `add` one by one. Never a password. options: startup options that go before the user's,
 * so that the user's decide; or "".
 */
void conninfo_environment(const struct conninfo *conninfo, const char *options,
                          void (*add)(void *context, const char *name, const char *value), void *context);

#endif
