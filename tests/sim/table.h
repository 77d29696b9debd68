/*
 * A model of the history: what the functions of etc/history do with the rows of one task, each call a
 * transaction that is done at once.
 */
#ifndef TESTS_SIM_TABLE_H
#define TESTS_SIM_TABLE_H

#include "pool/outcome.h"
#include "spans.h"

#define NO_INSTANT INT64_MAX

struct table {
    const struct schedule *schedule;
    int64_t known_us; /* from then on it is to be answered; NO_INSTANT: it was never asked for */
    bool sparse;      /* as was said at the last start: not every occurrence has a row */
    struct spans rows;
    struct spans triggered; /* rows that answer no occurrence, by their instant */
};

struct claim_call {
    struct span span; /* state: PENDING within a transaction, else RUNNING */
    bool counts;      /* it answers occurrences */
    bool by_key;      /* start_one(), claim_one(): its key says it all */
};

/* FAILURE_OTHER: it has them from *ret_from on. FAILURE_TAKEN: *ret_answered_until, or 0, is up to where all
 * is. */
enum failure_kind table_claim(struct table *table, const struct claim_call *call, int64_t *ret_from,
                              int64_t *ret_answered_until);

/* Of a transaction with a row of its own: it is there, or never was. */
void table_end_pending(struct table *table, const struct span *span, bool counts, bool commits);

/* finish(): false when the run is not under way any more. */
bool table_finish(struct table *table, const struct span *span, bool counts);

struct record_call {
    struct span span; /* state: what became of it */
    bool counts, released, transactional, claiming;
};

/* record(). What an unknown run was, if that is known now, goes to *ret_ok, and the answer is true. */
bool table_record(struct table *table, const struct record_call *call, bool *ret_ok);

/* restore(), for a daemon whose earlier lives are `life` - 1 and below. guarded: what its guard said no to left
 * no row, so no hole is looked for. */
void table_restore(struct table *table, uint32_t life, bool guarded, int64_t answers_us,
                   int64_t *ret_answered_until, int64_t *ret_ahead_until);

#endif
