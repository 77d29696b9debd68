/*
 * A text of several statements, which the simple protocol takes: one step at a time, with nothing else on its
 * way.
 */
#include "pool/session/internal.h"

/* One step of the simple protocol. */
static bool send_simple(struct session *session, enum step step) {
    static const char *const fixed[] = {[STEP_COMMIT] = "COMMIT", [STEP_ROLLBACK] = "ROLLBACK"};
    struct script *script = &session->script;
    char begin[BEGIN_TEXT_BYTES];
    const char *text = step == STEP_WORK    ? flight_text(script, &flight_first(script)->work)
                       : step == STEP_BEGIN ? begin_text(session, begin)
                                            : fixed[step];
    return script_push(script, step, PQsendQuery(session->conn, text));
}

static bool send_simple_work(struct session *session) {
    return send_simple(session, flight_first(&session->script)->work.transaction ? STEP_BEGIN : STEP_WORK);
}

bool simple_begin(struct session *session) {
    struct script *script = &session->script;
    struct flight *flight = flight_first(script);
    script->simple_due = false;
    script->simple = true;
    flight_retry(flight);
    if (PQexitPipelineMode(session->conn) != 1)
        return false;
    return flight->work.claim && !flight->claimed ? claim_send(session, &flight->work, CLAIM_BEFORE)
                                                  : send_simple_work(session);
}

static bool end_simple(struct session *session) {
    struct script *script = &session->script;
    struct session_work work = flight_first(script)->work;
    script_advance(script);
    script->simple = false;
    script->unclean = true;
    flight_decide(session);
    cleaning_want_after(session, &work);
    return PQenterPipelineMode(session->conn) == 1 && script_drained(session);
}

static bool next_simple(struct session *session, enum step step) {
    script_advance(&session->script);
    return send_simple(session, step);
}

bool simple_go_on(struct session *session) {
    struct script *script = &session->script;
    struct flight *flight = flight_first(script);
    enum step step = script_head(script);
    PGTransactionStatusType status = PQtransactionStatus(session->conn);
    bool open = status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
    if (step == STEP_CLAIM && !flight->failed) {
        flight->claimed = true;
        script_advance(&session->script);
        return send_simple_work(session);
    }
    if (step == STEP_BEGIN && !flight->failed)
        return next_simple(session, STEP_WORK);
    if (step == STEP_WORK && flight->work.transaction && !open) {
        flight->partly |= !flight->failed; /* what stands behind a ROLLBACK is committed, too */
        flight_fail(flight, "", "the text ended the transaction that it runs in", "write transaction = off");
    }
    if (step == STEP_WORK && !flight->work.transaction && open)
        flight_fail(flight, "", "the text leaves a transaction open",
                    "end it in the same text, or write transaction = on");
    if (step == STEP_WORK && open)
        return next_simple(session, flight->failed ? STEP_ROLLBACK : STEP_COMMIT);
    return end_simple(session);
}
