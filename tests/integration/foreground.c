#include "foreground.h"

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void rest(void) {
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

static void take_one(struct foreground *foreground, int held) {
    PGconn *conn = PQconnectdb(foreground->conninfo);
    if (PQstatus(conn) == CONNECTION_OK) {
        foreground->sessions[held] = conn;
        atomic_store(&foreground->held, held + 1);
        return;
    }
    PQfinish(conn);
    atomic_fetch_add(&foreground->refused, 1);
    rest();
}

static void *live(void *context) {
    struct foreground *foreground = context;
    for (;;) {
        int wanted = atomic_load(&foreground->stopping) ? 0 : atomic_load(&foreground->wanted);
        int held = atomic_load(&foreground->held);
        if (held < wanted) {
            take_one(foreground, held);
        } else if (held > wanted) {
            depart(foreground->sessions[held - 1]);
            atomic_store(&foreground->held, held - 1);
        } else if (atomic_load(&foreground->stopping)) {
            return NULL;
        } else {
            rest();
        }
    }
}

void foreground_start(struct foreground *foreground, const char *conninfo, const char *role, int wanted) {
    snprintf(foreground->conninfo, sizeof foreground->conninfo, "%s user=%s application_name=web", conninfo, role);
    atomic_init(&foreground->stopping, false);
    atomic_init(&foreground->wanted, wanted);
    atomic_init(&foreground->held, 0);
    atomic_init(&foreground->refused, 0);
    if (pthread_create(&foreground->thread, NULL, live, foreground) != 0)
        abort();
    foreground->running = true;
    foreground_wait(foreground, wanted);
}

void foreground_want(struct foreground *foreground, int wanted) {
    atomic_store(&foreground->wanted, wanted < FOREGROUND_MOST ? wanted : FOREGROUND_MOST);
}

void foreground_wait(struct foreground *foreground, int wanted) {
    foreground_want(foreground, wanted);
    for (int64_t since_us = clock_us(); foreground_held(foreground) != wanted; rest())
        if (deadline_passed(since_us))
            fail_msg("the application has %d sessions and does not come to %d", foreground_held(foreground), wanted);
}

int foreground_held(struct foreground *foreground) {
    return atomic_load(&foreground->held);
}

long foreground_refused(struct foreground *foreground) {
    return atomic_load(&foreground->refused);
}

void foreground_stop(struct foreground *foreground) {
    atomic_store(&foreground->stopping, true);
    pthread_join(foreground->thread, NULL);
    foreground->running = false;
}
