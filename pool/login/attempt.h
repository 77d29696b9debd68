/*
 * One step of a login, as a thread does it: a name looked up, or one address tried. What the thread and who
 * waits for it share is here, and lives as long as the longer of them: for login.c only. attempt_wait() is
 * for whoever waits on a thread of its own, or on the command line.
 */
#ifndef POOL_LOGIN_ATTEMPT_H
#define POOL_LOGIN_ATTEMPT_H

#include <libpq-fe.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "tasks/text.h"

#define ATTEMPT_KEYWORDS_MAX  24 /* two times 8 pairs of a request's, and five of the host */
#define ATTEMPT_ADDRESSES_MAX 16 /* of one name; what is beyond is not tried */

struct login;

struct attempt {
    pthread_mutex_t lock; /* of these two */
    bool left;            /* nobody waits for it: no more is sent, and a login that succeeds is closed */
    int fd;               /* a copy of the socket, once a backend may be at its other end; -1 */

    struct login *login; /* whose it is; for the loop only */
    char *name;          /* to look up; NULL: an address is to be tried */
    char *keywords[ATTEMPT_KEYWORDS_MAX + 1], *values[ATTEMPT_KEYWORDS_MAX + 1];
    uint32_t keyword_count;
    int64_t timeout_us;

    /* What came of it. */
    char *addresses[ATTEMPT_ADDRESSES_MAX];
    uint32_t address_count;
    PGconn *conn;      /* logged in; or NULL */
    struct text error; /* why not */
};

struct attempt *attempt_create(const char *name, int64_t timeout_us); /* name: or NULL */
void attempt_add(struct attempt *attempt, const char *keyword, const char *value);
void attempt_work(void *attempt);
void attempt_drop(void *attempt);

/* Nobody waits for it. Takes the fd. */
int attempt_leave(struct attempt *attempt);

/* On any thread: until the socket is ready. False: the time is over. */
bool attempt_wait(int socket, PostgresPollingStatusType what, int64_t deadline_us);
int64_t attempt_clock_us(void); /* monotonic */

#endif
