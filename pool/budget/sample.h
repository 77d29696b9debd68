/*
 * What one look at the database told: who holds its slots, what the application does there, how long the
 * look itself took. A value; session/sampling.c takes it, headroom.c and limit.c judge it. What changes
 * rarely is up to ten seconds older than the rest: what is usable, max_connections, replica_lag_us, standby,
 * synchronous, ahead_us.
 */
#ifndef POOL_BUDGET_SAMPLE_H
#define POOL_BUDGET_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "pool/handle.h"

/* Who limits sessions: max_connections less what is reserved; rolconnlimit; datconnlimit. */
enum scope { SCOPE_SERVER, SCOPE_ROLE, SCOPE_DATABASE, SCOPES };

#define SLOTS_UNLIMITED    INT32_MAX
#define SAMPLE_NAME_BYTES  40
#define SAMPLE_TASKS_BYTES 512
#define SAMPLE_STATE_BYTES 32
#define SAMPLE_WAITS_MAX   16

struct sample_scope {
    int32_t usable; /* slots that our role can use there, taken or not; SLOTS_UNLIMITED: no limit */
    int32_t used;   /* sessions counted there, ours included */
    int32_t ours;   /* of these: our sessions, our commands' and an earlier daemon's */
};

/* One of our sessions waits for a lock that another backend of the server has. */
struct sample_wait {
    int32_t pid;                           /* of the session's backend */
    struct handle session;                 /* whose that is; HANDLE_NONE: it has gone since */
    int32_t holder_pid;                    /* 0: a prepared transaction */
    char holder_name[SAMPLE_NAME_BYTES];   /* its application_name, or what kind of process it is; "": none */
    char holder_state[SAMPLE_STATE_BYTES]; /* ""; it has none, or our role may not see it */
    int64_t holder_state_us;               /* for how long */
};

struct sample {
    bool known; /* false: the look failed, and nothing below means anything */
    struct sample_scope scopes[SCOPES];
    int32_t max_connections;
    int32_t leftover_count;                 /* sessions of an earlier daemon on this file, in `ours` too */
    int32_t command_count;                  /* sessions of commands, by application_name, in `ours` too */
    char command_tasks[SAMPLE_TASKS_BYTES]; /* "nightly,nightly,report": the task of each of them, cut at the
                                               end */
    /* The foreground: every session that is not ours. */
    int32_t invisible_count; /* sessions whose state we may not see; 0 with pg_monitor */
    int32_t active_count;
    int32_t lock_waiter_count;
    int32_t idle_in_transaction_count;
    int64_t idle_in_transaction_us;                   /* of the oldest */
    char idle_in_transaction_name[SAMPLE_NAME_BYTES]; /* its application_name */
    int64_t oldest_transaction_us;
    int64_t replica_lag_us; /* of this standby, or of the primary's slowest standby; 0: none */
    int32_t core_count;     /* of the server; 0: it is on another machine, and did not say */
    bool standby;
    int64_t statement_timeout_us; /* that a clean session has; 0: none */
    bool synchronous; /* a COMMIT may wait for a standby, and for as long as that does not answer */
    bool pooled;      /* a connection pooler is in between: the backend is not the one that we logged in to */
    int64_t round_trip_us; /* of the look itself, from the query's sending to its answer */
    int64_t ahead_us;      /* the server's clock before ours; off by no more than the round trip */
    uint32_t wait_count;   /* the first of them, where more of our sessions wait for locks */
    struct sample_wait waits[SAMPLE_WAITS_MAX];
};

/* Of a task's commands, as far as the list goes. */
uint32_t sample_sessions_of(const struct sample *sample, const char *task);

/* Whether that list may lack some. */
bool sample_list_is_cut(const struct sample *sample);

/* The pool's own travels in the startup options, which a pooler or an old server drops. */
static inline bool sample_lacks_timeout(const struct sample *sample, int64_t wanted_us) {
    return wanted_us > 0 && sample->known && sample->statement_timeout_us != (wanted_us + 999) / 1000 * 1000;
}

/* By more than 5 s: NTP does not keep both. */
static inline bool sample_clocks_are_apart(const struct sample *sample) {
    return sample->known && (sample->ahead_us > 5000000 || sample->ahead_us < -5000000);
}

#endif
