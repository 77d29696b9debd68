#include "sampler.h"

#include "harness.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define REST_LEAST_US 2000
#define REST_SHARE    4 /* times what a sample takes: the processors are shared with what is measured */

static struct {
    pthread_t thread;
    const char *conninfo, *sql;
    pthread_mutex_t lock; /* of all below */
    bool running, stopping;
    long most, count, hits, asked_anew;
} sampler = {.lock = PTHREAD_MUTEX_INITIALIZER};

static long read_one(const long *number) {
    pthread_mutex_lock(&sampler.lock);
    long value = *number;
    pthread_mutex_unlock(&sampler.lock);
    return value;
}

static bool goes_on(void) {
    pthread_mutex_lock(&sampler.lock);
    bool value = !sampler.stopping;
    pthread_mutex_unlock(&sampler.lock);
    return value;
}

/* `asked_anew` as it was when the sample was asked for: one that is older than the last question tells nothing. */
static void keep(long number, long asked_anew) {
    pthread_mutex_lock(&sampler.lock);
    if (number > sampler.most && asked_anew == sampler.asked_anew)
        sampler.most = number;
    sampler.count++;
    sampler.hits += number > 0;
    pthread_mutex_unlock(&sampler.lock);
}

static void rest(int64_t took_us) {
    int64_t us = took_us * REST_SHARE > REST_LEAST_US ? took_us * REST_SHARE : REST_LEAST_US;
    nanosleep(&(struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000}, NULL);
}

static void *sample(void *context) {
    PGconn *conn = PQconnectdb(sampler.conninfo);
    while (goes_on()) {
        int64_t since_us = clock_us();
        long asked_anew = read_one(&sampler.asked_anew);
        PGresult *result = PQexec(conn, sampler.sql);
        if (PQresultStatus(result) == PGRES_TUPLES_OK)
            keep(strtol(PQgetvalue(result, 0, 0), NULL, 10), asked_anew);
        else
            PQreset(conn);
        PQclear(result);
        rest(clock_us() - since_us);
    }
    depart(conn);
    return context;
}

/* Of a test that failed. */
static void end(void) {
    if (sampler.running)
        sampler_stop();
}

void sampler_start(const char *conninfo, const char *sql) {
    sampler.conninfo = conninfo;
    sampler.sql = sql;
    sampler.running = true;
    sampler.stopping = false;
    sampler.most = sampler.count = sampler.hits = sampler.asked_anew = 0;
    tidy_also(end);
    if (pthread_create(&sampler.thread, NULL, sample, NULL) != 0)
        abort();
}

long sampler_seen(void) {
    return read_one(&sampler.most);
}

long sampler_most(void) {
    pthread_mutex_lock(&sampler.lock);
    long most = sampler.most;
    sampler.most = 0;
    sampler.asked_anew++;
    pthread_mutex_unlock(&sampler.lock);
    return most;
}

long sampler_count(void) {
    return read_one(&sampler.count);
}

long sampler_hits(void) {
    return read_one(&sampler.hits);
}

long sampler_stop(void) {
    pthread_mutex_lock(&sampler.lock);
    sampler.stopping = true;
    pthread_mutex_unlock(&sampler.lock);
    pthread_join(sampler.thread, NULL);
    sampler.running = false;
    return sampler.most;
}
