#include "pool/session/cleaning.h"

#include <stdio.h>
#include <string.h>

#include "pool/session/listening.h"
#include "pool/session/ring.h"
#include "pool/session/session_pool.h"
#include "pool/session/wire.h"

/* A cancel is two signals, to the backend and to its process group (the postmaster's signal_child()), and
 * each may hit one cleaning. */
#define CLEANED_AGAIN_MOST 2

/* A pooler may give the next segment to another backend, so nothing is cleaned in a segment of its own. */
void cleaning_want(struct session *session, enum cleaning cleaning) {
    session->script.unclean = false;
    session->script.clean_due = session->pool->pooled ? CLEANING_NONE : cleaning;
}

/* Outside a transaction of ours a text may leave one open; DISCARD ALL is refused in it, and so tells. */
void cleaning_want_after(struct session *session, const struct session_work *work) {
    bool keeps_plans = work->keeps_plans && work->transaction;
    if (!work->clean)
        cleaning_want(session, keeps_plans ? CLEANING_BUT_PLANS : CLEANING_ALL);
}

/* In a transaction of its own, lest it be part of the next run's and be undone with it. BEGIN names its
 * modes, as the run may have changed the defaults. */
static bool send_parts(struct session *session, bool plans, bool listening) {
    static const char *const statements[] = {"BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE",
                                             "CLOSE ALL",
                                             "SET SESSION AUTHORIZATION DEFAULT",
                                             "RESET ALL",
                                             "DEALLOCATE ALL",
                                             "SELECT pg_catalog.pg_advisory_unlock_all()",
                                             "DISCARD TEMP",
                                             "DISCARD SEQUENCES"};
    bool sent = true;
    for (size_t i = 0; sent && i < sizeof statements / sizeof *statements; i++)
        sent = ring_send_query(session, STEP_CLEAN, statements[i]);
    return sent && (!plans || ring_send_query(session, STEP_CLEAN, "DISCARD PLANS")) &&
           (listening ? ring_send_query(session, STEP_CLEAN, "UNLISTEN *") : listening_send_check(session)) &&
           ring_send_query(session, STEP_CLEAN, "COMMIT");
}

/* UNLISTEN is refused on a standby; before version 14 the server does not say that it is one. */
static bool may_unlisten(const struct session *session) {
    const char *standby = PQparameterStatus(session->conn, "in_hot_standby");
    return standby && strcmp(standby, "off") == 0;
}

bool cleaning_send_due(struct session *session) {
    enum cleaning due = session->script.clean_due;
    bool in_parts = !session->pool->discards_plans;
    session->script.clean_due = CLEANING_NONE;
    if (due != CLEANING_NONE && in_parts && listening_is_on(session))
        return send_parts(session, due == CLEANING_ALL, false);
    if (due == CLEANING_BUT_PLANS && in_parts && may_unlisten(session))
        return send_parts(session, false, true);
    if (due != CLEANING_NONE)
        listening_end(session);
    return due == CLEANING_NONE || ring_send_query(session, STEP_CLEAN, "DISCARD ALL");
}

bool cleaning_flush(struct session *session) {
    return !session->script.clean_due ||
           (cleaning_send_due(session) && ring_send_sync(session, STEP_CLEAN_SYNC));
}

void cleaning_take_error(struct script *script, const PGresult *result) {
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    script->clean_failed = true;
    snprintf(script->clean_sqlstate, sizeof script->clean_sqlstate, "%s", sqlstate ? sqlstate : "");
}

bool cleaning_repeat(struct session *session) {
    struct script *script = &session->script;
    if (script->cleaned_again_count++ == CLEANED_AGAIN_MOST) {
        wire_break(session, "DISCARD ALL failed three times; the session cannot be cleaned");
        return false;
    }
    /* A refusal is no cancel and no lock; 25001 is of DISCARD ALL in a transaction that a text left open. */
    session->pool->discards_plans |= failure_kind_of(script->clean_sqlstate) == FAILURE_OTHER &&
                                     strcmp(script->clean_sqlstate, "25001") != 0;
    cleaning_want(session, CLEANING_ALL);
    return ring_send_rollback(session) && cleaning_flush(session);
}
