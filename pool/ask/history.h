/*
 * Reads a pool's history back, through the view headgate.history: for people who ask on the command line, so
 * it logs in by itself and blocks. And says what a role lacks that is to keep a history.
 */
#ifndef POOL_ASK_HISTORY_H
#define POOL_ASK_HISTORY_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "pool/answer.h"
#include "tasks/taskset.h"
#include "tasks/text.h"

#define HISTORY_NULL INT64_MIN

/* Texts are "" where the row has none, numbers HISTORY_NULL. Instants are microseconds of unix time. */
struct history_row {
    const char *task, *outcome, *reason, *message, *daemon;
    int64_t due_us, due_until_us, started_us, finished_us;
    int64_t lateness_us, took_us, outside_us;
    int64_t attempts, rows, occurrences, tokens, bites;
};

struct history_request {
    const char *service; /* the file's */
    const char *task;    /* "": of all */
    int64_t since_us;    /* what was due within so long before now; 0: whenever */
    bool failed;         /* failed, lost, unknown or missed only */
    uint32_t most;       /* rows, the newest */
};

struct history {
    PGresult *result;
    struct answer answer;
    uint32_t count;
    bool is_cut; /* there are older ones */
};

/* The oldest first. False after adding to `error` one sentence on what is wrong, with the way out. */
bool history_read(const struct pool_settings *pool, const struct history_request *request,
                  struct history *ret, struct text *error) __attribute__((warn_unused_result));

/* The texts are borrowed until history_finish(). */
struct history_row history_get(const struct history *history, uint32_t index);
void history_finish(struct history *history);

/*
 * Can this session's role make and keep the history? Says in `text` what there is, or what to type, and which
 * daemon but the file's own has its name and other tasks. Changes nothing.
 */
bool history_check(PGconn *conn, const struct taskset *set, const char *daemon_name, struct text *text)
    __attribute__((warn_unused_result));

#endif
