/*
 * What a session is given to do: the text of a run, and its claim.
 */
#ifndef POOL_SESSION_WORK_H
#define POOL_SESSION_WORK_H

#include "pool/handle.h"
#include "pool/outcome.h"
#include "tasks/schedule.h"

struct cargo;

/*
 * The most runs that may be in flight on a session: started, and not ended. Few sessions are to do the work.
 * With 32 in flight two sessions did 28 000 inserts of one row a second, and eight that wait for each answer
 * 23 800 (two cores, PostgreSQL 15; four sessions with 16: 31 200, the server's own limit: 35 500). With more
 * in flight, a session that is lost would leave more runs unknown.
 */
#define SESSION_RUNS_MAX 32

struct claim_values {
    const char *service; /* whose task it is */
    struct wall due_first, due_last, started;
    const struct schedule *schedule; /* borrowed, as the text is */
    int64_t occurrence_count, lateness_us;
    uint32_t attempt_count, tokens;
    const char *released; /* of a task that comes after others: what of them it answers, an object as JSON;
                           * copied. NULL: of any other, or one that was triggered */
    bool any_one;         /* of this: one that is new is enough */
    bool woken;           /* by a notification alone; then: */
    int64_t heard_us_ago; /* the last of them, no less than that */
    bool looks;           /* its key alone does not tell, because an earlier claim of it may be committed */
};

/* What a text is to its run: all of it, or the guard before it, or the stage that gives rows, or that takes
 * lines. */
enum session_stage { SESSION_WHOLE, SESSION_GUARD, SESSION_READ, SESSION_WRITE };

/*
 * The text of a run. A guard is one statement in a transaction that only reads; it may share its session, and
 * its end is OK for yes and NOTHING for no. Borrowed until its RUN_ENDED or RUN_UNSENT. A read puts its rows
 * into the cargo; a write runs its text once for each of the cargo's lines, as $1, all in one transaction.
 * Both are one statement, always in a transaction, alone on their session, and their COMMIT is sent when all
 * else is answered. If the session is lost before that, the run has failed (FAILURE_LOST), and is not
 * unknown.
 */
struct session_work {
    struct handle run;
    enum session_stage stage;
    struct cargo *cargo; /* of READ and WRITE */
    const char *sql;     /* NULL: its claim is all */
    enum claim claim;
    struct claim_values claimed;
    const char *label; /* the task's name, shown in pg_stat_activity */
    bool transaction;
    bool simple;      /* known to need the simple protocol */
    bool proven;      /* the extended protocol took this text before (a run of it ended ok): no second try */
    bool keeps_plans; /* the server's cached plans outlive its cleaning, which costs some 25 us more then */
    bool clean;       /* known to leave nothing behind: session_clean() or session_verify() is due after it */
};

#endif
