#include "pool/session/simple.h"

#include "pool/session/begin.h"
#include "pool/session/claim.h"
#include "pool/session/cleaning.h"
#include "pool/session/flight.h"
#include "pool/session/ring.h"

/* One step of the simple protocol. */
static bool send_simple(struct session *session, enum step step) {
    static const char *const fixed[] = {[STEP_COMMIT] = "COMMIT", [STEP_ROLLBACK] = "ROLLBACK"};
    struct script *script = &session->script;
    char begin[BEGIN_TEXT_BYTES];
    const char *text = step == STEP_WORK    ? flight_text(script, &flight_first(script)->work)
                       : step == STEP_BEGIN ? begin_text(session, begin)
                                            : fixed[step];
    return ring_push(script, step, PQsendQuery(session->conn, text));
}

static bool send_simple_work(struct session *session) {
    return send_simple(session, flight_first(&session->script)->work.transaction ? STEP_BEGIN : STEP_WORK);
}

bool simple_begin(struct session *session) {
    struct script *script = &session->script;
    struct flight *flight = flight_first(script);
    script->protocol = PROTOCOL_SIMPLE;
    flight_retry(flight);
    if (PQexitPipelineMode(session->conn) != 1)
        return false;
    return flight->work.claim && !flight->claimed ? claim_send(session, &flight->work, CLAIM_BEFORE)
                                                  : send_simple_work(session);
}

static bool end_simple(struct session *session) {
    struct script *script = &session->script;
    struct session_work work = flight_first(script)->work;
    ring_advance(script);
    script->protocol = PROTOCOL_PIPELINE;
    script->unclean = true;
    flight_decide(session);
    cleaning_want_after(session, &work);
    return PQenterPipelineMode(session->conn) == 1;
}

static bool next_simple(struct session *session, enum step step) {
    ring_advance(&session->script);
    return send_simple(session, step);
}

bool simple_go_on(struct session *session) {
    struct script *script = &session->script;
    struct flight *flight = flight_first(script);
    enum step step = ring_head(script);
    PGTransactionStatusType status = PQtransactionStatus(session->conn);
    bool open = status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
    if (step == STEP_CLAIM && !flight->fault) {
        flight->claimed = true;
        ring_advance(&session->script);
        return send_simple_work(session);
    }
    if (step == STEP_BEGIN && !flight->fault)
        return next_simple(session, STEP_WORK);
    if (step == STEP_WORK && flight->work.transaction && !open) {
        flight->partly |= !flight->fault; /* what stands behind a ROLLBACK is committed, too */
        flight_fail(flight, "", "the text ended the transaction that it runs in", "write transaction = off");
    }
    if (step == STEP_WORK && !flight->work.transaction && open)
        flight_fail(flight, "", "the text leaves a transaction open",
                    "end it in the same text, or write transaction = on");
    if (step == STEP_WORK && open)
        return next_simple(session, flight->fault ? STEP_ROLLBACK : STEP_COMMIT);
    return end_simple(session);
}
