/*
 * Asks the server again and again, from a thread and a connection of its own, for one number, and keeps the largest:
 * what is promised at any moment is not proved by looking now and then. A program has one; it ends with its test.
 */
#ifndef TESTS_INTEGRATION_SAMPLER_H
#define TESTS_INTEGRATION_SAMPLER_H

/* Sessions and commands of all daemons that the server counts. */
#define COUNT_OURS "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'headgate/%'"

/* Both texts are borrowed until sampler_stop(). A server that goes away is waited for; the sample is missing then. */
void sampler_start(const char *conninfo, const char *sql);

/* The largest number so far. */
long sampler_seen(void);

/* The same, and from the next sample on the largest anew: of what was asked for after this. */
long sampler_most(void);

/* How many samples were taken, in all. */
long sampler_count(void);

/* How many of them found more than zero. */
long sampler_hits(void);

/* The largest number since it was last asked. */
long sampler_stop(void);

#endif
