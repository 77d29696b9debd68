/*
 * The look at the database: what is asked, and how the answers are read. The daemon's sessions ask in their
 * pipelines (sampling.c), `headgate check --connect` for itself (pool/ask/check.c), and so both see the same.
 *
 * It is the server's own list of its backends, in groups of those that are alike, and what changes rarely. It
 * reads no table of the user's. Both queries are planned anew each time, as DISCARD ALL takes prepared
 * statements, and most of what a look costs is that planning: so the sums are made here.
 */
#ifndef POOL_BUDGET_LOOK_H
#define POOL_BUDGET_LOOK_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "pool/answer.h"
#include "pool/budget/sample.h"
#include "tasks/taskset.h"

#define LOOK_NAME_BYTES 64

/* What changes rarely: limits, what a standby lags, the clock. */
extern const char look_facts_sql[];
/* $1 process ids of backends that are ours (int[]), $2 the application names of our commands (text[]). */
extern const char look_backends_sql[];

/* The backend that answered. */
struct look_answering {
    int row; /* in the answer to look_backends_sql */
    int pid;
    double started; /* by the server's clock, seconds since 1970 */
};

/* Not known when the answer is not what was asked for: answer->wrong says why. */
void look_read_facts(const PGresult *result, struct answer *answer, struct sample *ret_facts);

/* Opens the answer to look_backends_sql. False with answer->wrong. */
bool look_find_answering(const PGresult *result, struct answer *answer, struct look_answering *ret)
    __attribute__((warn_unused_result));

/*
 * Adds to `sample`, which holds the facts already, who is there. session_name: of our pool's sessions; since:
 * what began before, by the server's clock, is an earlier daemon's. The sample is not known any more when
 * the answer is not what was asked for.
 */
void look_read_backends(struct answer *answer, const struct look_answering *answering,
                        const char *session_name, double since, struct sample *sample);

/* application_name of a pool's sessions; identity: what tells one daemon from another (from host and ini
 * file). */
void look_name_sessions(const char *pool, uint32_t identity, char ret_name[LOOK_NAME_BYTES]);

/* Those of a pool's commands, as an array's text; to free(). */
char *look_name_commands(const struct taskset *set, uint32_t pool);

#endif
