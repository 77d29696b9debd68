#include "sampler.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <time.h>

static void keep(struct sampler *sampler, long number) {
    long most = atomic_load(&sampler->most);
    while (number > most && !atomic_compare_exchange_weak(&sampler->most, &most, number))
        ;
    atomic_fetch_add(&sampler->count, 1);
    atomic_fetch_add(&sampler->hits, number > 0);
}

static void *sample(void *context) {
    struct sampler *sampler = context;
    PGconn *conn = PQconnectdb(sampler->conninfo);
    while (!atomic_load(&sampler->stopping)) {
        PGresult *result = PQexec(conn, sampler->sql);
        if (PQresultStatus(result) == PGRES_TUPLES_OK)
            keep(sampler, strtol(PQgetvalue(result, 0, 0), NULL, 10));
        else
            PQreset(conn);
        PQclear(result);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL); /* two processors are shared with what is measured */
    }
    PQfinish(conn);
    return NULL;
}

void sampler_start(struct sampler *sampler, const char *conninfo, const char *sql) {
    sampler->conninfo = conninfo;
    sampler->sql = sql;
    atomic_init(&sampler->stopping, false);
    atomic_init(&sampler->most, 0);
    atomic_init(&sampler->count, 0);
    atomic_init(&sampler->hits, 0);
    if (pthread_create(&sampler->thread, NULL, sample, sampler) != 0)
        abort();
}

long sampler_most(struct sampler *sampler) {
    return atomic_exchange(&sampler->most, 0);
}

long sampler_count(struct sampler *sampler) {
    return atomic_load(&sampler->count);
}

long sampler_hits(struct sampler *sampler) {
    return atomic_load(&sampler->hits);
}

long sampler_stop(struct sampler *sampler) {
    atomic_store(&sampler->stopping, true);
    pthread_join(sampler->thread, NULL);
    return atomic_load(&sampler->most);
}
