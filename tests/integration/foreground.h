/*
 * The application beside the daemon: so many idle sessions of a role of its own, as many as it wants at this moment. It
 * asks again for what was refused, so whatever falls free is taken.
 */
#ifndef TESTS_INTEGRATION_FOREGROUND_H
#define TESTS_INTEGRATION_FOREGROUND_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <libpq-fe.h>

#define FOREGROUND_MOST 100

struct foreground {
    pthread_t thread;
    char conninfo[640];
    PGconn *sessions[FOREGROUND_MOST];
    bool running;
    atomic_bool stopping;
    atomic_int wanted, held;
    atomic_long refused;
};

/* With `wanted` sessions of the role; returns when it has them. */
void foreground_start(struct foreground *foreground, const char *conninfo, const char *role, int wanted);

/* From here on it wants so many; it goes there by itself, as fast as logins go. */
void foreground_want(struct foreground *foreground, int wanted);
/* The same, and returns when it is there: what it closed is gone from the server. */
void foreground_wait(struct foreground *foreground, int wanted);
int foreground_held(struct foreground *foreground);

/* How many of its logins were refused until now. */
long foreground_refused(struct foreground *foreground);

/* Closes them all. */
void foreground_stop(struct foreground *foreground);

#endif
