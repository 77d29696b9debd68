#include "pool/session/ring.h"

#include <assert.h>

bool ring_is_busy(const struct script *script) {
    return script->step_at != script->step_end;
}

enum step ring_head(const struct script *script) {
    return (enum step)script->steps[script->step_at % STEPS_MAX];
}

bool ring_is_sync(enum step step) {
    return step >= STEP_SYNC;
}

bool ring_push(struct script *script, enum step step, int sent) {
    assert(script->step_end - script->step_at < STEPS_MAX);
    script->rows_due |= !ring_is_busy(script);
    script->steps[script->step_end++ % STEPS_MAX] = (uint8_t)step;
    return sent == 1;
}

void ring_advance(struct script *script) {
    script->step_at++;
    script->rows_due = true;
}

bool ring_send_query(struct session *session, enum step step, const char *sql) {
    return ring_push(&session->script, step,
                     PQsendQueryParams(session->conn, sql, 0, NULL, NULL, NULL, NULL, 0));
}

/* Before version 17 libpq knows no sync that waits for a flush. */
bool ring_send_sync(struct session *session, enum step step) {
#ifdef HAVE_PQSENDPIPELINESYNC
    return ring_push(&session->script, step, PQsendPipelineSync(session->conn));
#else
    return ring_push(&session->script, step, PQpipelineSync(session->conn));
#endif
}

bool ring_send_rollback(struct session *session) {
    return ring_send_query(session, STEP_ROLLBACK, "ROLLBACK") && ring_send_sync(session, STEP_SYNC);
}
