/*
 * Asks the server again and again, from a thread and a connection of its own, for one number, and keeps the largest:
 * what is promised at any moment is not proved by looking now and then.
 */
#ifndef TESTS_INTEGRATION_SAMPLER_H
#define TESTS_INTEGRATION_SAMPLER_H

#include <pthread.h>
#include <stdbool.h>

/* Sessions and commands of all daemons that the server counts. */
#define COUNT_OURS "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'headgate/%'"

struct sampler {
    pthread_t thread;
    const char *conninfo, *sql; /* borrowed until sampler_stop() */
    pthread_mutex_t lock;                       /* of all below */
    bool stopping;
    long most, count, hits, asked_anew;
};

/* A server that goes away is waited for; the sample is missing then. */
void sampler_start(struct sampler *sampler, const char *conninfo, const char *sql);

/* The largest number so far. */
long sampler_seen(struct sampler *sampler);

/* The same, and from the next sample on the largest anew: of what was asked for after this. */
long sampler_most(struct sampler *sampler);

/* How many samples were taken, in all. */
long sampler_count(struct sampler *sampler);

/* How many of them found more than zero. */
long sampler_hits(struct sampler *sampler);

/* The largest number since it was last asked. */
long sampler_stop(struct sampler *sampler);

#endif
