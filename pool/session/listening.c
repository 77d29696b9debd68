#include "pool/session/listening.h"

#include <stdlib.h>
#include <string.h>

#include "pool/answer.h"
#include "pool/session/ring.h"
#include "pool/session/session_pool.h"
#include "pool/session/tell.h"

static const char check_sql[] = "SELECT pg_catalog.pg_listening_channels()";

bool listening_is_on(const struct session *session) {
    return session->pool->listener == session;
}

void listening_leave(struct session *session) {
    if (listening_is_on(session))
        session->pool->listener = NULL;
}

bool listening_send_check(struct session *session) {
    return ring_send_query(session, STEP_CHANNELS, check_sql);
}

/* Up to its sync a segment without BEGIN is one transaction. */
bool listening_send(struct session *session) {
    struct session_pool *pool = session->pool;
    struct text *text = &session->script.text;
    if (pool->discards_plans) {
        session->script.listen_error =
            text_copy("this server refuses a cleaning that spares it, see DISCARD ALL");
        return true;
    }
    pool->listener = session;
    bool sent = listening_send_check(session) && ring_send_query(session, STEP_LISTEN, "UNLISTEN *");
    for (uint32_t i = 0; sent && i < pool->channels.count; i++) {
        text_clear(text);
        text_add(text, "LISTEN \"%s\"", pool->channels.items[i].name);
        sent = ring_send_query(session, STEP_LISTEN, text->bytes);
    }
    return sent;
}

static void tell_channels(struct session *session, bool missing, const char *why) {
    struct failure failure = {.message = why};
    struct report report = {.kind = REPORT_CHANNELS, .channels.missing = missing};
    tell_report(session, report, &failure);
}

void listening_end(struct session *session) {
    if (!listening_is_on(session))
        return;
    listening_leave(session);
    tell_channels(session, true, "this server refuses a cleaning that spares it");
}

/* --- what is heard --- */

static void tell_heard(struct session *session) {
    struct channels *channels = &session->pool->channels;
    if (channels->told)
        return;
    channels->told = true;
    tell_kind(session, REPORT_HEARD, NULL);
}

bool listening_hear(struct session *session, const char *name) {
    struct channel *channel = channels_find(&session->pool->channels, name);
    if (!channel)
        return false;
    channel->heard = true;
    tell_heard(session);
    return true;
}

/* --- to what it listens --- */

/* How many others there are. */
static uint32_t mark_seen(struct channels *channels, const PGresult *result) {
    uint32_t other_count = 0;
    for (uint32_t i = 0; i < channels->count; i++)
        channels->items[i].seen = false;
    for (int row = 0; PQnfields(result) == 1 && row < PQntuples(result); row++) {
        struct channel *channel = channels_find(channels, PQgetvalue(result, row, 0));
        if (channel)
            channel->seen = true;
        else
            other_count++;
    }
    return other_count;
}

/* Between the runs; before a LISTEN the report of that tells. */
void listening_take_check(struct session *session, const PGresult *result) {
    struct channels *channels = &session->pool->channels;
    uint32_t other_count = mark_seen(channels, result), missing_count = 0;
    if (session->script.asked == ASKED_LISTENING || !listening_is_on(session))
        return;
    for (uint32_t i = 0; i < channels->count; i++)
        missing_count += !channels->items[i].seen;
    if (missing_count + other_count == 0)
        return;
    tell_channels(session, missing_count > 0,
                  missing_count ? "the text of a run has ended the LISTEN of its session: it has UNLISTEN"
                                : "the text of a run has left a LISTEN of its own in its session");
}

void listening_take_error(struct session *session, const PGresult *result) {
    struct script *script = &session->script;
    if (!script->listen_error)
        script->listen_error = answer_field(result, PG_DIAG_MESSAGE_PRIMARY);
    if (!script->listen_error)
        script->listen_error = text_copy("the server refuses it");
}

void listening_report(struct session *session) {
    struct script *script = &session->script;
    struct channels *channels = &session->pool->channels;
    struct failure failure = {.message = script->listen_error};
    struct report report = {.kind = REPORT_LISTENS, .listens.failed = script->listen_error != NULL};
    bool was_deaf = false;
    for (uint32_t i = 0; !report.listens.failed && i < channels->count; i++) {
        channels->items[i].heard |= !channels->items[i].seen;
        was_deaf |= !channels->items[i].seen;
    }
    if (report.listens.failed || channels->count == 0)
        listening_leave(session);
    report.listens.anew = was_deaf;
    tell_report(session, report, report.listens.failed ? &failure : NULL);
    if (was_deaf)
        tell_heard(session);
    free(script->listen_error);
    script->listen_error = NULL;
}
