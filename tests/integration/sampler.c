#include "sampler.h"

#include "harness.h"

#include <stdlib.h>
#include <time.h>

#define REST_LEAST_US 2000
#define REST_SHARE    4 /* times what a sample takes: the processors are shared with what is measured */

static long read_one(struct sampler *sampler, const long *number) {
    pthread_mutex_lock(&sampler->lock);
    long value = *number;
    pthread_mutex_unlock(&sampler->lock);
    return value;
}

static bool goes_on(struct sampler *sampler) {
    pthread_mutex_lock(&sampler->lock);
    bool value = !sampler->stopping;
    pthread_mutex_unlock(&sampler->lock);
    return value;
}

/* `asked_anew` as it was when the sample was asked for: one that is older than the last question tells nothing. */
static void keep(struct sampler *sampler, long number, long asked_anew) {
    pthread_mutex_lock(&sampler->lock);
    if (number > sampler->most && asked_anew == sampler->asked_anew)
        sampler->most = number;
    sampler->count++;
    sampler->hits += number > 0;
    pthread_mutex_unlock(&sampler->lock);
}

static void rest(int64_t took_us) {
    int64_t us = took_us * REST_SHARE > REST_LEAST_US ? took_us * REST_SHARE : REST_LEAST_US;
    nanosleep(&(struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000}, NULL);
}

static void *sample(void *context) {
    struct sampler *sampler = context;
    PGconn *conn = PQconnectdb(sampler->conninfo);
    while (goes_on(sampler)) {
        int64_t since_us = clock_us();
        long asked_anew = read_one(sampler, &sampler->asked_anew);
        PGresult *result = PQexec(conn, sampler->sql);
        if (PQresultStatus(result) == PGRES_TUPLES_OK)
            keep(sampler, strtol(PQgetvalue(result, 0, 0), NULL, 10), asked_anew);
        else
            PQreset(conn);
        PQclear(result);
        rest(clock_us() - since_us);
    }
    depart(conn);
    return NULL;
}

void sampler_start(struct sampler *sampler, const char *conninfo, const char *sql) {
    *sampler = (struct sampler){.conninfo = conninfo, .sql = sql};
    pthread_mutex_init(&sampler->lock, NULL);
    if (pthread_create(&sampler->thread, NULL, sample, sampler) != 0)
        abort();
}

long sampler_seen(struct sampler *sampler) {
    return read_one(sampler, &sampler->most);
}

long sampler_most(struct sampler *sampler) {
    pthread_mutex_lock(&sampler->lock);
    long most = sampler->most;
    sampler->most = 0;
    sampler->asked_anew++;
    pthread_mutex_unlock(&sampler->lock);
    return most;
}

long sampler_count(struct sampler *sampler) {
    return read_one(sampler, &sampler->count);
}

long sampler_hits(struct sampler *sampler) {
    return read_one(sampler, &sampler->hits);
}

long sampler_stop(struct sampler *sampler) {
    pthread_mutex_lock(&sampler->lock);
    sampler->stopping = true;
    pthread_mutex_unlock(&sampler->lock);
    pthread_join(sampler->thread, NULL);
    return sampler->most;
}
