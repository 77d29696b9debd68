#include "pool/session/claim.h"

#include <endian.h>
#include <string.h>

#include "pool/answer.h"
#include "pool/session/flight.h"
#include "pool/session/ring.h"
#include "pool/session/session_pool.h"

/* The server's catalog pg_type, whose numbers do not change. */
enum {
    TYPE_BOOL = 16,
    TYPE_INT8 = 20,
    TYPE_INT4 = 23,
    TYPE_TEXT = 25,
    TYPE_JSONB = 3802,
    TYPE_INT8_ARRAY = 1016,
    TYPE_TIMESTAMPTZ = 1184
};

/* Its timestamps count from 2000-01-01. */
#define EPOCH_US (INT64_C(946684800) * US_PER_S)

#define VALUES 13

struct parameters {
    int count;
    Oid types[VALUES];
    const char *values[VALUES];
    int lengths[VALUES], formats[VALUES];
    uint64_t numbers[VALUES];
};

static void add(struct parameters *to, Oid type, const char *bytes, int bytes_count, int format) {
    to->types[to->count] = type;
    to->values[to->count] = bytes;
    to->lengths[to->count] = bytes_count;
    to->formats[to->count++] = format;
}

static void add_text(struct parameters *to, const char *text) {
    add(to, TYPE_TEXT, text, (int)strlen(text), 0);
}

static void add_int8(struct parameters *to, Oid type, int64_t number) {
    uint64_t *at = &to->numbers[to->count];
    *at = htobe64((uint64_t)number);
    add(to, type, (const char *)at, 8, 1);
}

static void add_instant(struct parameters *to, struct wall at) {
    add_int8(to, TYPE_TIMESTAMPTZ, at.us - EPOCH_US);
}

static void add_int4(struct parameters *to, int64_t number) {
    uint32_t *at = (uint32_t *)&to->numbers[to->count];
    *at = htobe32((uint32_t)number);
    add(to, TYPE_INT4, (const char *)at, 4, 1);
}

/* The first of each call: which run. */
static void add_name(struct parameters *to, const struct session_work *work) {
    add_text(to, work->claimed.service);
    add_text(to, work->label);
    add_instant(to, work->claimed.due_first);
}

/* What its row says of a run that starts. */
static void add_start(struct parameters *to, const struct session *session, const struct claim_values *values,
                      enum claim claim) {
    add_instant(to, values->started);
    add_int8(to, TYPE_INT8, values->lateness_us);
    add_int4(to, values->attempt_count);
    add_int4(to, values->tokens);
    add_text(to, claim == CLAIM_WITHIN ? "ok" : "running");
    add_text(to, session->pool->daemon_name);
}

static bool send_call(struct session *session, const char *sql, const struct parameters *with) {
    return ring_push(&session->script, STEP_CLAIM,
                     PQsendQueryParams(session->conn, sql, with->count, with->types, with->values,
                                       with->lengths, with->formats, 0));
}

static bool send_key(struct session *session, const struct session_work *work, enum claim claim) {
    struct parameters to = {0};
    add_name(&to, work);
    add_instant(&to, work->claimed.started);
    add_text(&to, session->pool->daemon_name);
    return send_call(session,
                     claim == CLAIM_WITHIN ? "SELECT headgate.start_one($1,$2,$3,$4,$5)"
                                           : "CALL headgate.claim_one($1,$2,$3,$4,$5)",
                     &to);
}

static void add_dues(struct parameters *to, const struct claim_values *values, struct text *dues) {
    if (values->schedule->kind == SCHEDULE_CALENDAR && values->occurrence_count)
        schedule_add_dues(values->schedule, values->due_first, values->due_last, dues);
    add(to, TYPE_INT8_ARRAY, dues->bytes, (int)dues->bytes_count, 0);
}

static bool send_start(struct session *session, const struct session_work *work, enum claim claim) {
    const struct claim_values *values = &work->claimed;
    struct parameters to = {0};
    struct text dues = {0};
    add_name(&to, work);
    add_instant(&to, values->due_last);
    add_int8(&to, TYPE_INT8, schedule_pace_us(values->schedule));
    add_int4(&to, values->occurrence_count);
    add_start(&to, session, values, claim);
    add_dues(&to, values, &dues);
    bool sent = send_call(
        session,
        claim == CLAIM_WITHIN
            ? "SELECT headgate.start($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13)"
            : "SELECT (extract(epoch FROM headgate.start($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13))"
              " OPERATOR(pg_catalog.*) 1000000)::bigint",
        &to);
    text_finish(&dues);
    return sent;
}

static bool send_start_after(struct session *session, const struct session_work *work, enum claim claim) {
    const struct claim_values *values = &work->claimed;
    struct parameters to = {0};
    add_name(&to, work);
    add_start(&to, session, values, claim);
    add(&to, TYPE_JSONB, values->released, (int)strlen(values->released), 0);
    add(&to, TYPE_BOOL, values->any_one ? "t" : "f", 1, 0);
    return send_call(
        session,
        claim == CLAIM_WITHIN
            ? "SELECT headgate.start_after($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)"
            : "SELECT headgate.unix_us(headgate.start_after($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11))",
        &to);
}

static bool send_start_woken(struct session *session, const struct session_work *work, enum claim claim) {
    const struct claim_values *values = &work->claimed;
    struct parameters to = {0};
    add_name(&to, work);
    add_int8(&to, TYPE_INT8, values->heard_us_ago);
    add_start(&to, session, values, claim);
    return send_call(session,
                     claim == CLAIM_WITHIN
                         ? "SELECT headgate.start_woken($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)"
                         : "SELECT headgate.unix_us(headgate.start_woken($1,$2,$3,$4,$5,$6,$7,$8,$9,$10))",
                     &to);
}

/* What another run has answered since is cut off its front. */
void claim_take(struct script *script, const PGresult *result) {
    struct flight *flight = flight_first(script);
    const struct claim_values *claimed = &flight->work.claimed;
    bool before = flight->work.claim == CLAIM_BEFORE || flight->simple;
    struct answer answer;
    if (!before || PQntuples(result) == 0)
        return;
    if (answer_open(&answer, result, 1, 1, 1))
        flight->claimed_from.us = answer_number(&answer, 0, 0, claimed->due_first.us, claimed->due_last.us);
    if (*answer.wrong) {
        flight_fail(flight, "", answer.wrong, "this is no history of headgate's");
        flight->fault = FAULT_CLAIM;
    }
}

static bool send_finish(struct session *session, const struct session_work *work) {
    struct parameters to = {0};
    add_name(&to, work);
    add_instant(&to, work->claimed.due_last);
    add_int4(&to, work->claimed.occurrence_count);
    add_text(&to, session->pool->daemon_name);
    return send_call(session, "SELECT headgate.finish($1,$2,$3,$4,$5,$6)", &to);
}

bool claim_send(struct session *session, const struct session_work *work, enum claim claim) {
    if (claim == CLAIM_DONE)
        return send_finish(session, work);
    if (work->claimed.released)
        return send_start_after(session, work, claim);
    if (work->claimed.woken)
        return send_start_woken(session, work, claim);
    return flight_claims_a_key(&work->claimed) ? send_key(session, work, claim)
                                               : send_start(session, work, claim);
}
