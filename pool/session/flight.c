#include "pool/session/flight.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pool/answer.h"
#include "pool/session/session_pool.h"
#include "pool/session/tell.h"
#include "pool/statement.h"

struct flight *flight_first(struct script *script) {
    return script->flight_at == script->flight_end ? NULL
                                                   : &script->flights[script->flight_at % SESSION_RUNS_MAX];
}

struct flight *flight_add(struct script *script, const struct session_work *work) {
    assert(script->flight_end - script->flight_at < SESSION_RUNS_MAX);
    struct flight *flight = &script->flights[script->flight_end++ % SESSION_RUNS_MAX];
    *flight = (struct flight){.work = *work, .simple = work->simple};
    if (work->claimed.released)
        flight->work.claimed.released = text_copy(work->claimed.released);
    return flight;
}

bool flight_claims_a_key(const struct claim_values *values) {
    return values->occurrence_count == 1 && !values->looks && !values->released &&
           values->attempt_count == 1 && values->tokens == 1;
}

static void add(struct text *text, const char *bytes) {
    text_add_bytes(text, bytes, strlen(bytes));
}

const char *flight_text(struct script *script, const struct session_work *work) {
    struct text *text = &script->text;
    text_clear(text);
    add(text, "/* headgate task=");
    add(text, work->label);
    add(text, " */ ");
    add(text, work->sql);
    return text->bytes;
}

/* --- what went wrong --- */

void flight_forget(struct flight *flight) {
    if (!flight->fault)
        return;
    free(flight->message);
    free(flight->detail);
    free(flight->hint);
    free(flight->context);
    flight->message = flight->detail = flight->hint = flight->context = NULL;
    flight->sqlstate[0] = '\0';
    flight->advice = NULL;
    flight->line = 0;
    flight->fault = FAULT_NONE;
}

void flight_fail(struct flight *flight, const char *sqlstate, const char *message, const char *advice) {
    if (flight->fault)
        return;
    flight->fault = FAULT_SAID;
    flight->message = text_taken(message);
    flight->advice = advice && *advice ? advice : NULL;
    if (sqlstate && strlen(sqlstate) < SQLSTATE_BYTES)
        strcpy(flight->sqlstate, sqlstate);
}

/* Line within the task's own text; the comment before it has no newline. */
static int line_of(struct script *script, const struct flight *flight, const char *position) {
    int64_t characters = 0;
    if (!position || !answer_parse(position, 1, INT32_MAX, &characters))
        return 0;
    int line = 1;
    for (const char *at = flight_text(script, &flight->work); *at && characters > 1; at++) {
        line += *at == '\n';
        characters -= ((unsigned char)at[1] & 0xC0) != 0x80; /* a character ends here */
    }
    return line;
}

/* Where it was when it failed: at which of the lines that a write runs once for each, or behind its own
 * COMMIT. */
static void name_place(struct flight *flight, enum step step) {
    struct text message = {0};
    if (step == STEP_LINE && flight->fault != FAULT_LOST)
        text_add(&message, "line %" PRIu64 " of its work's output: ", flight->line_count + 1);
    else if (flight->partly && flight->simple)
        text_add(&message, "after a COMMIT of its own, which stands: ");
    else
        return;
    text_add(&message, "%s", flight->message);
    free(flight->message);
    flight->message = message.bytes;
}

static const char *advice_for(const struct flight *flight, const char *sqlstate, const char *position,
                              enum step step) {
    bool several = sqlstate_is_syntax(sqlstate) && !position; /* a syntax error has a place in the text */
    if (flight->work.stage == SESSION_GUARD && sqlstate_is_read_only(sqlstate))
        return "when only asks, in a transaction that may not write; let the task's work write";
    if (several && flight->work.stage == SESSION_GUARD)
        return "when is one statement; put several into a function";
    if (several && flight->work.stage != SESSION_WHOLE)
        return "read and write are one statement each; put several into a function";
    if (step == STEP_LINE && sqlstate_is_protocol(sqlstate))
        return "write takes $1, a line of its work's output, and nothing else";
    return statement_failure_advice(sqlstate, flight->work.transaction);
}

/* Of a claim that goes before its run. */
static bool is_unclaimed(const struct flight *flight) {
    bool claims_before = flight->work.claim == CLAIM_BEFORE || (flight->work.claim && flight->simple);
    return claims_before && !flight->claimed;
}

/* No more than its claim was sent, or its COMMIT was not. */
bool flight_is_uncommitted(const struct flight *flight) {
    return (is_unclaimed(flight) && !flight->follows) ||
           (flight->work.stage != SESSION_WHOLE && flight->commit == COMMIT_UNSENT);
}

bool flight_is_fatal(const PGresult *result) {
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (!severity)
        severity = PQresultErrorField(result, PG_DIAG_SEVERITY);
    return severity && severity_is_last_word(severity);
}

bool flight_is_last_word(const PGresult *result) {
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return flight_is_fatal(result) && sqlstate && !sqlstate_is_connection(sqlstate);
}

/* Before version 14 the server does not say so by itself, and neither does a pooler for it. */
static bool is_on_standby(const struct session *session) {
    const char *told = PQparameterStatus(session->conn, "in_hot_standby");
    return told ? strcmp(told, "on") == 0 : session->pool->facts.known && session->pool->facts.standby;
}

/* The year 10000: no instant that a server tells is later. */
#define INSTANT_MOST_US (INT64_C(253402300800) * US_PER_S)

static void take_instant(const char *text, struct wall *ret) {
    int64_t us;
    if (text && answer_parse(text, 1, INSTANT_MOST_US, &us))
        ret->us = us;
}

void flight_take_error(struct session *session, const PGresult *result, enum step step) {
    struct script *script = &session->script;
    struct flight *flight = flight_first(script);
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    if (!flight || flight->fault || flight->commit == COMMIT_DONE)
        return;
    if (!sqlstate)
        sqlstate = "";
    bool lost = flight_is_last_word(result) &&
                (is_unclaimed(flight) || flight_is_uncommitted(flight) ||
                 (flight->work.stage != SESSION_WHOLE && sqlstate_is_idle_end(sqlstate)));
    flight_fail(flight, sqlstate, message ? message : PQresultErrorMessage(result),
                advice_for(flight, sqlstate, position, step));
    flight->fault = lost                                                        ? FAULT_LOST
                    : step == STEP_CLAIM                                        ? FAULT_CLAIM
                    : sqlstate_is_read_only(sqlstate) && is_on_standby(session) ? FAULT_STANDBY
                                                                                : FAULT_SAID;
    flight->partly |= step == STEP_WORK && !flight->work.transaction && !flight->simple &&
                      statement_may_commit(flight->work.sql);
    name_place(flight, step);
    if (step == STEP_CLAIM && strcmp(sqlstate, "HG001") == 0) /* up to when all is answered */
        take_instant(PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL), &flight->answered_until);
    flight->detail = answer_field(result, PG_DIAG_MESSAGE_DETAIL);
    flight->hint = answer_field(result, PG_DIAG_MESSAGE_HINT);
    flight->context = answer_field(result, PG_DIAG_CONTEXT);
    if (step == STEP_WORK || step == STEP_PREPARE)
        flight->line = line_of(script, flight, position);
}

/* The tag's number; more than all that a number holds is as good as that. */
static void add_rows(uint64_t *to, PGresult *result) {
    int64_t count = 0;
    uint64_t left = INT64_MAX - *to;
    if (answer_parse(PQcmdTuples(result), 0, INT64_MAX, &count))
        *to += (uint64_t)count < left ? (uint64_t)count : left;
}

void flight_take_changes(struct script *script, PGresult *result, enum step step) {
    struct flight *flight = flight_first(script);
    if (step == STEP_WORK && statement_tag_changes(PQcmdStatus(result)))
        add_rows(&flight->changed_count, result);
}

/*
 * A COMMIT whose wait for a synchronous standby ends by a cancel, or with the session, is done on this server
 * and succeeds there; a warning is all that tells. Its text is translated and its SQLSTATE is that of any
 * warning, but it names the function of the server that waits. A claim's own COMMIT is not its run's.
 */
void flight_take_notice(struct script *script, const PGresult *result) {
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
    struct flight *flight = flight_first(script);
    if (flight && !is_unclaimed(flight) && severity && strcmp(severity, "WARNING") == 0 && function &&
        strcmp(function, "SyncRepWaitForLSN") == 0)
        flight->unconfirmed = true;
}

void flight_take_tag(struct script *script, PGresult *result, enum step step) {
    struct flight *flight = flight_first(script);
    const char *tag = PQcmdStatus(result);
    if (step == STEP_COMMIT) {
        if (strcmp(tag, "COMMIT") == 0)
            flight->commit = COMMIT_DONE;
        else
            flight_fail(flight, "", "the server rolled the transaction back when it was told to commit",
                        NULL);
    }
    if (step == STEP_CLAIM && flight->follows)
        flight->claimed = true;
    if (step != STEP_WORK && step != STEP_LINE)
        return;
    flight->partly |= script->protocol == PROTOCOL_SIMPLE && statement_tag_commits(tag);
    if (flight->work.stage == SESSION_WHOLE)
        add_rows(&flight->row_count, result);
    flight_take_changes(script, result, step);
    if (script->protocol == PROTOCOL_SIMPLE || !statement_tag_is_transaction(tag))
        return;
    flight_fail(flight, "", "the text is a transaction command, which would reach beyond its own run",
                "leave BEGIN, COMMIT and ROLLBACK to transaction = on");
    flight->fault = FAULT_LEAKED;
}

/* What a text executes by itself can be wrong in the same way; that has a context: its function, or DO. */
bool flight_was_not_parsed(const struct flight *flight) {
    return sqlstate_is_syntax(flight->sqlstate) && !flight->context;
}

void flight_retry(struct flight *flight) {
    flight_forget(flight);
    flight->row_count = flight->changed_count = 0;
    flight->partly = false;
    flight->simple = true;
}

/* --- its end --- */

static void leave(struct session *session, struct flight *flight) {
    flight_forget(flight);
    free((char *)flight->work.claimed.released);
    session->script.flight_at++;
}

bool flight_has_not_begun(struct script *script, const PGresult *last_word) {
    const struct flight *flight = flight_first(script);
    return flight->work.stage == SESSION_WHOLE && !flight->claimed && !flight->fault &&
           strcmp(PQresultErrorField(last_word, PG_DIAG_SQLSTATE), "57P05") == 0;
}

static enum failure_kind kind_of(const struct flight *flight, enum outcome outcome) {
    switch (flight->fault) {
    case FAULT_NONE: return FAILURE_OTHER;
    case FAULT_LOST: return FAILURE_LOST;
    case FAULT_CLAIM:
        return claim_failure_kind_of(flight->sqlstate, flight_claims_a_key(&flight->work.claimed));
    case FAULT_STANDBY: return FAILURE_STANDBY;
    default:
        return outcome == OUTCOME_UNKNOWN && flight->unconfirmed ? FAILURE_UNCONFIRMED
               : flight->partly                                  ? FAILURE_PARTLY
                                                                 : failure_kind_of(flight->sqlstate);
    }
}

static void report_end(struct session *session, const struct flight *flight, enum outcome outcome) {
    struct failure failure = {.message = flight->message,
                              .detail = flight->detail,
                              .hint = flight->hint,
                              .context = flight->context,
                              .advice = flight->advice,
                              .line = flight->line};
    memcpy(failure.sqlstate, flight->sqlstate, SQLSTATE_BYTES);
    struct report report = {.kind = REPORT_RUN_ENDED, .run = flight->work.run};
    report.ended.outcome = outcome;
    report.ended.row_count = flight->work.stage == SESSION_WRITE ? flight->line_count : flight->row_count;
    report.ended.changed_count = flight->changed_count;
    report.ended.simple = flight->simple;
    report.ended.claimed = flight->claimed;
    report.ended.claimed_from = flight->claimed_from;
    report.ended.answered_until = flight->answered_until;
    report.ended.failure = kind_of(flight, outcome);
    tell_report(session, report, outcome == OUTCOME_OK || outcome == OUTCOME_NOTHING ? NULL : &failure);
}

void flight_end(struct session *session, enum outcome outcome, const char *why) {
    struct flight *flight = flight_first(&session->script);
    if (!flight)
        return;
    if (flight->unconfirmed && !flight->fault) {
        outcome = OUTCOME_UNKNOWN;
        flight_fail(
            flight, "",
            "it is committed on this server, and no synchronous standby has confirmed that: its wait was "
            "cancelled",
            "see pg_stat_replication; if a standby takes over that does not have it, it is not done");
    } else if (outcome == OUTCOME_UNKNOWN && flight->commit == COMMIT_DONE && !flight->fault)
        outcome = OUTCOME_OK;
    else if (outcome == OUTCOME_UNKNOWN &&
             flight->fault) /* the server said no before it was lost: not done */
        outcome = OUTCOME_FAILED;
    else if (outcome == OUTCOME_UNKNOWN && flight_is_uncommitted(flight)) {
        outcome = OUTCOME_FAILED;
        flight_fail(flight, "", why, "it was lost before its COMMIT was sent, so nothing of it is done");
        flight->fault = FAULT_LOST;
    } else if (why)
        flight_fail(flight, "", why,
                    outcome == OUTCOME_UNKNOWN ? "it was sent and its answer was lost; it may have been done"
                                               : NULL);
    if (outcome == OUTCOME_OK && flight->work.stage == SESSION_GUARD && !flight->said_yes)
        outcome = OUTCOME_NOTHING;
    report_end(session, flight, outcome);
    leave(session, flight);
}

void flight_unsent(struct session *session) {
    struct flight *flight = flight_first(&session->script);
    tell_report(session, (struct report){.kind = REPORT_RUN_UNSENT, .run = flight->work.run}, NULL);
    leave(session, flight);
}

void flight_decide(struct session *session) {
    flight_end(session, flight_first(&session->script)->fault ? OUTCOME_FAILED : OUTCOME_OK, NULL);
}
