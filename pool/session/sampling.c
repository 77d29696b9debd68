#include "pool/session/sampling.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "pool/answer.h"
#include "pool/budget/look.h"
#include "pool/session/ring.h"
#include "pool/session/session_pool.h"
#include "pool/session/tell.h"

/* Limits, what a standby lags, the clock. Planning their query was most of what a look cost: asked by each
 * look it took 0.70 per mille of a core beside 60 idle sessions, and 0.30 in this rhythm
 * (pg_stat_statements). */
#define FACTS_EVERY_US (10 * US_PER_S)

/* --- asking --- */

/* Closed ones count until the server has let go of them, so they stay in the list as long. */
static const char *compose_pids(struct session *asking) {
    struct text *text = &asking->script.text;
    const struct session *session;
    text_clear(text);
    text_add(text, "{");
    TAILQ_FOREACH(session, &asking->pool->sessions, in_pool)
        if (session->backend_pid)
            text_add(text, "%s%d", text->bytes_count > 1 ? "," : "", session->backend_pid);
    text_add(text, "}");
    return text->bytes;
}

bool sampling_send(struct session *session) {
    struct script *script = &session->script;
    struct session_pool *pool = session->pool;
    const char *values[] = {compose_pids(session), pool->command_names};
    uint64_t now_ns = uv_hrtime();
    script->sample = (struct sample){0};
    script->sample_sent_ns = now_ns;
    if (!pool->facts.known || now_ns - pool->facts_asked_ns >= FACTS_EVERY_US * 1000) {
        pool->facts_asked_ns = now_ns;
        if (!ring_send_query(session, STEP_FACTS, look_facts_sql))
            return false;
    }
    int sent = PQsendQueryParams(session->conn, look_backends_sql, 2, NULL, values, NULL, NULL, 0);
    return ring_push(script, STEP_SAMPLE, sent);
}

/* --- the answer --- */

static bool is_loopback(const struct sockaddr_storage *peer) {
    const struct sockaddr_in *four = (const struct sockaddr_in *)peer;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)peer;
    switch (peer->ss_family) {
    case AF_UNIX: return true;
    case AF_INET: return ntohl(four->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    case AF_INET6: return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
    default: return false;
    }
}

/* A server on this machine has this machine's cores. */
static int32_t core_count_of(const struct session *session) {
    struct sockaddr_storage peer = {0};
    socklen_t bytes = sizeof peer;
    bool here = getpeername(PQsocket(session->conn), (struct sockaddr *)&peer, &bytes) == 0 &&
                is_loopback(&peer) && !session->pool->pooled;
    return here ? (int32_t)uv_available_parallelism() : 0;
}

/* Whose backends wait. A pooler gave its clients numbers that are other backends' there. */
static void find_waiting(const struct session_pool *pool, struct sample *sample) {
    const struct session *session;
    sample->wait_count = pool->pooled ? 0 : sample->wait_count;
    for (uint32_t i = 0; i < sample->wait_count; i++)
        TAILQ_FOREACH(session, &pool->sessions, in_pool)
            if (session->backend_pid == sample->waits[i].pid)
                sample->waits[i].session = session->handle;
}

/* What a pooler keeps open under our name is no earlier daemon's. */
static void take_backends(struct session *session, struct answer *answer,
                          const struct look_answering *answering) {
    struct session_pool *pool = session->pool;
    struct sample *sample = &session->script.sample;
    *sample = pool->facts;
    pool->pooled = answering->pid != session->backend_pid;
    if (pool->sampled_since == 0)
        pool->sampled_since = answering->started;
    look_read_backends(answer, answering, pool->application_name, pool->sampled_since, sample);
    sample->pooled = pool->pooled;
    sample->leftover_count = sample->pooled ? 0 : sample->leftover_count;
    sample->core_count = core_count_of(session);
    find_waiting(pool, sample);
}

static void fail(struct script *script, const char *message) {
    if (!script->sample_error) /* the first one is the cause */
        script->sample_error = text_taken(message);
}

void sampling_take_facts(struct session *session, const PGresult *result) {
    struct answer answer;
    look_read_facts(result, &answer, &session->pool->facts);
    if (*answer.wrong)
        fail(&session->script, answer.wrong);
}

void sampling_take_error(struct session *session, const PGresult *result) {
    session->pool->facts.known = false;
    fail(&session->script, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
}

void sampling_take(struct session *session, const PGresult *result) {
    struct script *script = &session->script;
    struct look_answering answering;
    struct answer answer;
    if (session->pool->facts.known && look_find_answering(result, &answer, &answering))
        take_backends(session, &answer, &answering);
    if (session->pool->facts.known && *answer.wrong)
        fail(script, answer.wrong);
    script->sample.round_trip_us = (int64_t)((uv_hrtime() - script->sample_sent_ns) / 1000);
}

void sampling_report(struct session *session) {
    struct script *script = &session->script;
    const char *error =
        script->sample_error ? script->sample_error : "the server's answer to it did not come";
    struct failure failure = {.message = error,
                              .advice = "the database cannot be looked at; nothing is known of its load"};
    struct report report = {.kind = REPORT_SAMPLED, .sample = &script->sample};
    tell_report(session, report, script->sample.known ? NULL : &failure);
    free(script->sample_error);
    script->sample_error = NULL;
}
