#include "pool/session/transfer.h"

#include <stdlib.h>
#include <string.h>

#include "pool/children/json_row.h"
#include "pool/session/begin.h"
#include "pool/session/claim.h"
#include "pool/session/cleaning.h"
#include "pool/session/flight.h"
#include "pool/session/intake.h"
#include "pool/session/ring.h"
#include "pool/session/session_pool.h"
#include "pool/session/wire.h"

/* Lines sent before the first of them is answered: so many that the round trip is not what a write waits for,
 * and few enough to wait in libpq's memory. Chosen, not measured. */
#define LINES_AT_ONCE      100
#define LINE_BYTES_AT_ONCE ((size_t)256 * 1024)

/* What is kept of a large row's memory. */
#define KEPT_BYTES ((size_t)1024 * 1024)

/* --- read --- */

static bool add_columns(struct session *session, const PGresult *result, struct text *error) {
    int count = PQnfields(result);
    struct script *script = &session->script;
    struct json_column *columns = calloc((size_t)count + 1, sizeof *columns);
    if (!columns)
        abort();
    for (int i = 0; i < count; i++)
        columns[i] = (struct json_column){
            .name = PQfname(result, i),
            .type = PQftype(result, i),
            .value = PQgetisnull(result, 0, i) ? NULL : PQgetvalue(result, 0, i),
            .value_bytes = (size_t)PQgetlength(result, 0, i),
        };
    const char *twice = script->named ? NULL : json_row_twice(columns, (size_t)count);
    script->named = true;
    bool added = false;
    text_clear(&script->text);
    if (twice) {
        text_add(error, "read gives two columns of the name '%s'; name one of them with AS", twice);
    } else {
        json_row_add(&script->text, columns, (size_t)count);
        added = cargo_add_row(flight_first(script)->work.cargo, script->text.bytes, script->text.bytes_count,
                              error);
    }
    free(columns);
    return added;
}

bool transfer_take_row(struct session *session, const PGresult *result) {
    struct script *script = &session->script;
    struct text error = {0};
    if (!intake_row_fits(session, intake_row_bytes(result, 0))) /* as JSON it is hardly ever shorter */
        return false;
    bool usable = add_columns(session, result, &error) || wire_refuse(session, error.bytes, NULL);
    if (script->text.capacity_bytes > KEPT_BYTES)
        text_finish(&script->text);
    text_finish(&error);
    return usable;
}

/* --- write --- */

/* *ret_any: a line was sent. False: the connection is of no more use. */
static bool send_lines(struct session *session, bool *ret_any, struct text *error) {
    size_t bytes_sum = 0, bytes_count;
    const char *line;
    *ret_any = false;
    for (int i = 0; i < LINES_AT_ONCE && bytes_sum < LINE_BYTES_AT_ONCE; i++) {
        line = cargo_next_line(&session->script.lines, &bytes_count, error);
        if (!line)
            return true;
        if (!ring_push(&session->script, STEP_LINE,
                       PQsendQueryPrepared(session->conn, "", 1, &line, NULL, NULL, 0)))
            return false;
        *ret_any = true;
        bytes_sum += bytes_count;
    }
    return true;
}

/* --- both --- */

/* JSON is UTF-8. A database that knows no encoding may hold anything, and UTF8 would have the server refuse
 * it. */
static bool send_encoding(struct session *session) {
    const char *ours = PQparameterStatus(session->conn, "client_encoding");
    const char *theirs = PQparameterStatus(session->conn, "server_encoding");
    return (ours && strcmp(ours, "UTF8") == 0) || (theirs && strcmp(theirs, "SQL_ASCII") == 0) ||
           ring_send_query(session, STEP_BEGIN, "SET LOCAL client_encoding = 'UTF8'");
}

bool transfer_begin(struct session *session) {
    struct script *script = &session->script;
    const struct session_work *work = &flight_first(script)->work;
    if (!cleaning_send_due(session) || !begin_send(session, false) ||
        (work->claim == CLAIM_DONE && !claim_send(session, work, CLAIM_DONE)) || !send_encoding(session))
        return false;
    if (work->stage == SESSION_READ) {
        cargo_begin_rows(work->cargo);
        script->named = false;
        return ring_send_query(session, STEP_WORK, flight_text(script, work)) &&
               ring_send_sync(session, STEP_PART_SYNC);
    }
    cargo_read(&script->lines, &work->cargo->lines);
    return ring_push(script, STEP_PREPARE,
                     PQsendPrepare(session->conn, "", flight_text(script, work), 0, NULL)) &&
           ring_send_sync(session, STEP_PART_SYNC);
}

/* A pooler takes the server back at the end of the transaction, so the cleaning goes with it. */
static bool end(struct session *session, enum step step, const char *sql) {
    bool pooled = session->pool->pooled;
    cargo_reader_finish(&session->script.lines);
    bool sent = ring_send_query(session, step, sql) &&
                (!pooled || ring_send_query(session, STEP_CLEAN, "DISCARD ALL")) &&
                ring_send_sync(session, STEP_RUN_SYNC);
    cleaning_want_after(session, &flight_first(&session->script)->work);
    return sent;
}

bool transfer_go_on(struct session *session) {
    struct script *script = &session->script;
    struct flight *flight = flight_first(script);
    struct text error = {0};
    bool any = false;
    if (!flight->fault && flight->work.stage == SESSION_WRITE && !send_lines(session, &any, &error))
        return false;
    if (error.bytes_count)
        flight_fail(flight, "", error.bytes, NULL);
    text_finish(&error);
    if (any)
        return ring_send_sync(session, STEP_PART_SYNC);
    if (flight->fault)
        return end(session, STEP_ROLLBACK, "ROLLBACK");
    if (intake_has_ended(session)) /* from here on its loss would leave it unknown */
        return false;
    flight->commit = COMMIT_SENT;
    return end(session, STEP_COMMIT, "COMMIT");
}
