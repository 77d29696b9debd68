#include "pool/session/script.h"

#include <assert.h>
#include <stdlib.h>

#include "pool/session/begin.h"
#include "pool/session/claim.h"
#include "pool/session/cleaning.h"
#include "pool/session/flight.h"
#include "pool/session/guard.h"
#include "pool/session/history.h"
#include "pool/session/intake.h"
#include "pool/session/listening.h"
#include "pool/session/ring.h"
#include "pool/session/sampling.h"
#include "pool/session/session_pool.h"
#include "pool/session/simple.h"
#include "pool/session/tell.h"
#include "pool/session/transfer.h"
#include "pool/session/verify.h"
#include "pool/session/wire.h"
#include "pool/statement.h"

/* Results taken in one turn of the loop, so that ten million rows leave room for other tasks. Chosen, not
 * measured: thirty times what a full pipeline answers. */
#define RESULTS_PER_TURN 1000

/* libpq ends each query's results with a NULL, and a failure at a sync with one more. */
#define ENDS_IN_A_ROW_MOST 2

void script_finish(struct script *script) {
    assert(!flight_first(script));
    free(script->sample_error);
    free(script->listen_error);
    free(script->breach);
    session_history_forget(script);
    cargo_reader_finish(&script->lines);
    text_finish(&script->text);
    *script = (struct script){0};
}

/* --- what is asked --- */

/*
 * A transaction pooler takes the backend back at the first sync that finds no transaction open, and may do so
 * early when there is a second one behind it: so all goes in one segment, the cleaning too. DISCARD ALL asks
 * for a COMMIT right before it.
 */
static bool send_pooled_run(struct session *session, const struct session_work *work) {
    return (!work->transaction || begin_send(session, work->stage == SESSION_GUARD)) &&
           (work->claim != CLAIM_WITHIN || claim_send(session, work, CLAIM_WITHIN)) &&
           ring_send_query(session, STEP_WORK, flight_text(&session->script, work)) &&
           (work->transaction || ring_send_query(session, STEP_BEGIN, "BEGIN")) &&
           ring_send_query(session, STEP_COMMIT, "COMMIT") &&
           ring_send_query(session, STEP_CLEAN, "DISCARD ALL") && ring_send_sync(session, STEP_RUN_SYNC);
}

/*
 * COMMIT has a segment of its own: where the text failed, the server skips to the next sync, and a COMMIT
 * before it would leave the transaction to the runs behind; behind it, COMMIT ends what failed, too. And
 * where it may wait for a standby, it is to be known which of both a run is in.
 */
static bool send_run(struct session *session, const struct session_work *work) {
    bool guard = work->stage == SESSION_GUARD, waits = session->pool->facts.synchronous && !guard;
    bool wrapped = work->transaction &&
                   (waits || begin_sets_timeout(session) || !statement_is_one_transaction(work->sql));
    return cleaning_send_due(session) && (!wrapped || begin_send(session, guard)) &&
           (wrapped || !guard || begin_send_reads_only(session)) &&
           (work->claim != CLAIM_WITHIN || claim_send(session, work, CLAIM_WITHIN)) &&
           ring_send_query(session, STEP_WORK, flight_text(&session->script, work)) &&
           (!wrapped ||
            (ring_send_sync(session, STEP_WORK_SYNC) && ring_send_query(session, STEP_COMMIT, "COMMIT"))) &&
           ring_send_sync(session, STEP_RUN_SYNC);
}

static bool send_work(struct session *session, const struct session_work *work) {
    if (work->stage == SESSION_READ || work->stage == SESSION_WRITE)
        return transfer_begin(session);
    bool sent = session->pool->pooled ? send_pooled_run(session, work) : send_run(session, work);
    cleaning_want_after(session, work);
    return sent;
}

bool script_add_run(struct session *session, const struct session_work *work) {
    struct script *script = &session->script;
    const struct flight *first = flight_first(script);
    assert(!first || (work->proven && !work->simple && first->work.proven && !first->simple));
    struct flight *flight = flight_add(script, work);
    script->unclean = true;
    if (work->simple) {
        script->protocol = PROTOCOL_SIMPLE_DUE;
        return ring_is_busy(script) || simple_begin(session);
    }
    if (work->claim != CLAIM_BEFORE)
        return send_work(session, work);
    flight->follows = work->sql && work->stage == SESSION_WHOLE && !session->pool->pooled &&
                      flight_claims_a_key(&work->claimed) && statement_is_one_transaction(work->sql);
    bool claimed = cleaning_send_due(session) && claim_send(session, work, CLAIM_BEFORE);
    if (!flight->follows)
        return claimed && ring_send_sync(session, STEP_CLAIM_SYNC);
    /* The claim commits by itself; where it is refused, the server skips to the sync. */
    bool sent = claimed && ring_send_query(session, STEP_WORK, flight_text(script, work)) &&
                ring_send_sync(session, STEP_RUN_SYNC);
    cleaning_want_after(session, work);
    return sent;
}

bool script_add_history(struct session *session, const struct history_question *question) {
    session->script.asked = ASKED_HISTORY;
    return session_history_send(session, question) && ring_send_sync(session, STEP_SYNC);
}

bool script_add_listening(struct session *session) {
    session->script.asked = ASKED_LISTENING;
    return listening_send(session) && ring_send_sync(session, STEP_SYNC);
}

bool script_add_sample(struct session *session) {
    session->script.asked = ASKED_SAMPLE;
    return sampling_send(session) && ring_send_sync(session, STEP_SYNC);
}

bool script_add_cleaning(struct session *session) {
    session->script.asked = ASKED_READY;
    cleaning_want(session, CLEANING_BUT_PLANS);
    return cleaning_send_due(session) && ring_send_sync(session, STEP_CLEAN_SYNC);
}

bool script_add_verification(struct session *session) {
    struct script *script = &session->script;
    assert(!flight_first(script) || flight_first(script)->work.proven);
    script->asked = ASKED_READY;
    bool sent = cleaning_send_due(session);
    if (!session->pool->pooled)
        sent = sent && verify_send(session) && ring_push(script, STEP_VERIFY, 1);
    cleaning_want(session, CLEANING_BUT_PLANS);
    return sent && ring_send_sync(session, STEP_SYNC);
}

bool script_add_check(struct session *session) {
    if (session->script.unclean)
        return script_add_verification(session);
    session->script.asked = ASKED_READY;
    return ring_send_sync(session, STEP_SYNC);
}

/* --- taking in: what a result says --- */

static void take_rows(struct session *session, const PGresult *result, enum step step) {
    if (step == STEP_SAMPLE)
        sampling_take(session, result);
    else if (step == STEP_FACTS)
        sampling_take_facts(session, result);
    else if (step == STEP_VERIFY)
        verify_take(session, result);
    else if (step == STEP_HISTORY)
        session_history_take(session, result);
    else if (step == STEP_CHANNELS)
        listening_take_check(session, result);
    else if (step == STEP_CLAIM)
        claim_take(&session->script, result);
    else if (step == STEP_WORK && flight_first(&session->script)->work.stage == SESSION_GUARD)
        guard_take_end(flight_first(&session->script), result);
}

static void take_error(struct session *session, const PGresult *result, enum step step) {
    struct script *script = &session->script;
    if (script->asked == ASKED_LISTENING)
        listening_take_error(session, result);
    else if (step == STEP_CLEAN || step == STEP_CLEAN_SYNC || step == STEP_CHANNELS)
        cleaning_take_error(script, result);
    else if (script->asked == ASKED_SAMPLE)
        sampling_take_error(session, result);
    else if (script->asked == ASKED_HISTORY)
        session_history_take(session, result);
    else if (step != STEP_VERIFY && step != STEP_ROLLBACK)
        flight_take_error(session, result, step);
}

/* False: the session is at its end. libpq's own word has no SQLSTATE; a pooler's, as it ends the session,
 * tells no outcome, either. */
static bool take_refusal(struct session *session, const PGresult *result, enum step step) {
    struct script *script = &session->script;
    if (!PQresultErrorField(result, PG_DIAG_SQLSTATE) ||
        (flight_is_fatal(result) && !flight_is_last_word(result)))
        return false;
    if (flight_is_last_word(result))
        script->begun =
            flight_first(script) && flight_has_not_begun(script, result) ? BEGUN_NONE : BEGUN_FIRST;
    if (script->begun != BEGUN_NONE)
        take_error(session, result, step);
    return script->begun == BEGUN_ANY;
}

/* A server may lie about what it answers: it is held against what was asked, before anything is believed. */
static bool is_due(const struct script *script, bool sync) {
    static const bool of_a_run[] = {
        [STEP_WORK] = true,     [STEP_PREPARE] = true,    [STEP_LINE] = true,
        [STEP_CLAIM] = true,    [STEP_PART_SYNC] = true,  [STEP_COMMIT] = true,
        [STEP_RUN_SYNC] = true, [STEP_CLAIM_SYNC] = true, [STEP_CLEAN_SYNC] = false};
    enum step step = ring_head(script);
    bool has_run = script->flight_at != script->flight_end;
    return (!sync || ring_is_sync(step)) && (has_run || !of_a_run[step]);
}

static bool refuse_answer(struct session *session) {
    wire_break(
        session,
        "the server answers what was not asked; it is no PostgreSQL, or something in between is broken");
    return false;
}

static bool take_result(struct session *session, PGresult *result) {
    struct script *script = &session->script;
    struct flight *flight = flight_first(script);
    enum step step = ring_head(script);
    switch (PQresultStatus(result)) {
    case PGRES_SINGLE_TUPLE:
        if (step != STEP_WORK && step != STEP_LINE)
            return refuse_answer(session);
        flight->row_count += flight->row_count < INT64_MAX;
        if (flight->work.stage == SESSION_GUARD)
            guard_take_row(flight, result);
        return flight->work.stage != SESSION_READ || transfer_take_row(session, result);
    case PGRES_TUPLES_OK:
        flight_take_changes(script, result, step);
        take_rows(session, result, step);
        return true;
    case PGRES_COMMAND_OK:
        if (step == STEP_CLEAN)
            script->clean_failed = false;
        else if (step == STEP_HISTORY)
            session_history_take(session, result);
        else
            flight_take_tag(script, result, step);
        if (step == STEP_WORK && flight->work.stage == SESSION_GUARD)
            guard_take_tag(flight, PQcmdStatus(result));
        return true;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        return wire_refuse(
            session, "the text contains COPY FROM STDIN or COPY TO STDOUT, and there is no client to talk to",
            "copy from or to a file or a program on the server, or run psql as a command task");
    case PGRES_BAD_RESPONSE:
    case PGRES_FATAL_ERROR: return take_refusal(session, result, step);
    case PGRES_PIPELINE_ABORTED: /* of BEGIN, which was told, or of the cleaning before it in its segment */
        if ((step == STEP_WORK || step == STEP_PREPARE || step == STEP_CLAIM) && flight)
            flight_fail(flight, script->clean_sqlstate,
                        "the session could not be cleaned before it, so it did not begin", NULL);
        return true;
    case PGRES_EMPTY_QUERY:
        if (step == STEP_WORK && flight->work.stage == SESSION_GUARD)
            guard_take_tag(flight, "");
        return true;
    default: return true;
    }
}

/* --- taking in: what the end of a step leads to --- */

static void report_ready(struct session *session) {
    struct script *script = &session->script;
    struct failure failure = {.message = script->breach};
    struct report report = {.kind = REPORT_SESSION_READY};
    report.ready.breach = script->breach != NULL;
    tell_report(session, report, report.ready.breach ? &failure : NULL);
    free(script->breach);
    script->breach = NULL;
}

/* All that was sent is answered. */
static bool drained(struct session *session) {
    struct script *script = &session->script;
    if (script->clean_due)
        return cleaning_flush(session);
    if (script->clean_failed)
        return cleaning_repeat(session);
    script->cleaned_again_count = 0;
    if (script->protocol == PROTOCOL_SIMPLE_DUE)
        return simple_begin(session);
    enum asked asked = script->asked;
    script->asked = ASKED_NOTHING;
    session->state = SESSION_IDLE;
    if (asked == ASKED_SAMPLE)
        sampling_report(session);
    else if (asked == ASKED_HISTORY)
        session_history_report(session);
    else if (asked == ASKED_LISTENING)
        listening_report(session);
    else if (!script->unclean)
        report_ready(session);
    return true;
}

static bool run_ended(struct session *session) {
    struct script *script = &session->script;
    const struct flight *flight = flight_first(script);
    bool leaked = flight->fault == FAULT_LEAKED;
    bool whole = flight->work.stage == SESSION_WHOLE;
    bool left_open = (whole || flight->work.stage == SESSION_GUARD) && session->pool->pooled &&
                     flight->fault && flight->work.transaction && flight->commit != COMMIT_DONE;
    if (whole && flight->fault && flight->fault != FAULT_CLAIM && flight_was_not_parsed(flight) &&
        !flight->work.proven)
        script->protocol = PROTOCOL_SIMPLE_DUE;
    else
        flight_decide(session);
    if (left_open) /* the pooler leaves us the backend while the transaction is open, failed or not */
        return ring_send_query(session, STEP_ROLLBACK, "ROLLBACK") &&
               ring_send_query(session, STEP_CLEAN, "DISCARD ALL") &&
               ring_send_sync(session, STEP_CLEAN_SYNC);
    return !leaked ||
           ring_send_rollback(session); /* a cleaning on its way fails of it and will be repeated */
}

/* Its claim is answered: refused, it ends here. */
static bool claim_ended(struct session *session) {
    struct flight *flight = flight_first(&session->script);
    struct session_work work = flight->work;
    flight->claimed = !flight->fault;
    if (flight->claimed && work.sql)
        return send_work(session, &work);
    flight_decide(session);
    cleaning_want(session, CLEANING_BUT_PLANS);
    return true;
}

static bool sync_arrived(struct session *session) {
    struct script *script = &session->script;
    const struct flight *flight = flight_first(script);
    enum step step = ring_head(script);
    bool usable = true;
    ring_advance(script);
    if (step == STEP_PART_SYNC)
        usable = transfer_go_on(session);
    else if (step == STEP_CLAIM_SYNC)
        usable = claim_ended(session);
    else if (step == STEP_RUN_SYNC)
        usable = run_ended(session);
    else if (step == STEP_WORK_SYNC && !flight->fault && session->pool->facts.synchronous)
        tell_report(session, (struct report){.kind = REPORT_RUN_COMMITS, .run = flight->work.run}, NULL);
    return usable && (ring_is_busy(script) || drained(session));
}

/* The results of a query are complete; or those of a failure at the sync itself, which is still to come. */
static bool query_ended(struct session *session) {
    struct script *script = &session->script;
    if (ring_is_sync(ring_head(script)))
        return true;
    if (script->protocol == PROTOCOL_SIMPLE)
        return simple_go_on(session) && (ring_is_busy(script) || drained(session));
    if (ring_head(script) == STEP_LINE && !flight_first(script)->fault)
        flight_first(script)->line_count++;
    ring_advance(script);
    return true;
}

static bool take_next(struct session *session) {
    struct script *script = &session->script;
    PGresult *result = PQgetResult(session->conn);
    bool sync = PQresultStatus(result) == PGRES_PIPELINE_SYNC, usable;
    script->ends_in_a_row = result ? 0 : script->ends_in_a_row + 1;
    if (!intake_took(session, result))
        usable = false;
    else if (script->ends_in_a_row > ENDS_IN_A_ROW_MOST || (result && !is_due(script, sync)))
        usable = refuse_answer(session);
    else if (!result)
        usable = query_ended(session);
    else
        usable = sync ? sync_arrived(session) : take_result(session, result);
    PQclear(result);
    return usable;
}

/* libpq takes the wish for single rows only when the query's turn came and none of its answer was read. */
static bool waits(struct session *session) {
    struct script *script = &session->script;
    if (script->rows_due && (ring_head(script) == STEP_WORK || ring_head(script) == STEP_LINE))
        PQsetSingleRowMode(session->conn);
    script->rows_due = false;
    return PQisBusy(session->conn) == 1;
}

bool script_has_more(struct session *session) {
    return ring_is_busy(&session->script) && !waits(session);
}

/* The socket is read only when libpq has nothing complete left. If we read faster than we take results, its
 * buffer would grow with the result, and libpq would move all of it at every reading. */
bool script_read(struct session *session) {
    struct script *script = &session->script;
    bool usable = true, consumed = false;
    for (int i = 0; i < RESULTS_PER_TURN && ring_is_busy(script); i++) {
        bool busy = waits(session);
        if (busy && !consumed) {
            consumed = true;
            usable = intake_more(session);
            if (session->broken)
                return false;
            busy = waits(session);
        }
        if (busy)
            break;
        if (!take_next(session) || session->broken)
            return false;
    }
    return usable && PQstatus(session->conn) == CONNECTION_OK;
}
