#include "pool/session/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool/answer.h"
#include "pool/history_steps.h"
#include "pool/session/ring.h"
#include "pool/session/tell.h"

/* Says at once whether somebody keeps the table locked. */
static const char lock_sql[] = "LOCK TABLE headgate.run IN ROW EXCLUSIVE MODE NOWAIT";

/* What is asked below needs no names in full: it is a transaction of our own. */
static const char path_sql[] = "SET LOCAL search_path = pg_catalog, pg_temp";

static const char restore_sql[] =
    "SELECT coalesce(json_agg(r), '[]') FROM"
    " (SELECT *, (extract(epoch FROM answered_until) * 1000000)::bigint AS answered_us,"
    " (extract(epoch FROM ahead_until) * 1000000)::bigint AS ahead_us"
    " FROM headgate.restore($1, $2, $3::jsonb, $4)) r";
static const char record_sql[] =
    "SELECT coalesce(json_agg(r), '[]') FROM"
    " (SELECT task, to_char(due AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS due,"
    " (extract(epoch FROM due) * 1000000)::bigint AS due_us, outcome"
    " FROM headgate.record($1::jsonb)) r";
static const char meet_sql[] = "SELECT coalesce(json_agg(r), '[]') FROM"
                               " (SELECT other, extract(epoch FROM now() - seen)::bigint AS seen_s"
                               " FROM headgate.meet($1, $2, $3, $4::bool)) r";
static const char prune_sql[] = "SELECT headgate.prune($1::interval, $2::bigint, $3::int)";

static bool ask(struct session *session, const char *sql, const char *const *values, int count) {
    return ring_push(&session->script, STEP_HISTORY,
                     PQsendQueryParams(session->conn, sql, count, NULL, values, NULL, NULL, 0));
}

static bool send_records(struct session *session, const char *records) {
    return ask(session, lock_sql, NULL, 0) && ask(session, record_sql, &records, 1);
}

static void begin(struct script *script) {
    free(script->history);
    free(script->history_detail);
    script->history = script->history_detail = NULL;
    script->history_failed = script->history_locked = false;
    script->history_at = 0;
    script->history_sqlstate[0] = '\0';
}

/* COMMIT has a segment of its own: where one before it failed, it ends the transaction all the same. */
bool session_history_send(struct session *session, const struct history_question *question) {
    const char *restore[] = {question->service, question->daemon, question->tasks, question->life},
               *meet[] = {question->service, question->daemon, question->meets, question->tasks ? "t" : "f"},
               *prune[] = {question->keep, question->rows, question->count};
    begin(&session->script);
    session->script.history_lock_at =
        question->tasks ? 3 : 2; /* behind BEGIN, the path, and what makes the schema */
    session->script.history_answer_at =
        session->script.history_lock_at + 1 + (question->tasks != NULL) + (question->meets != NULL);
    return ask(session, "BEGIN", NULL, 0) && ask(session, path_sql, NULL, 0) &&
           (!question->tasks || ask(session, history_migration(), NULL, 0)) &&
           send_records(session, question->records) &&
           (!question->tasks || ask(session, restore_sql, restore, 4)) &&
           (!question->meets || ask(session, meet_sql, meet, 4)) &&
           (!question->keep || ask(session, prune_sql, prune, 3)) && ring_send_sync(session, STEP_SYNC) &&
           ask(session, "COMMIT", NULL, 0);
}

static void fail(struct script *script, const PGresult *result) {
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    free(script->history);
    script->history = answer_field(result, PG_DIAG_MESSAGE_PRIMARY);
    script->history_detail = answer_field(result, PG_DIAG_MESSAGE_DETAIL);
    script->history_failed = true;
    snprintf(script->history_sqlstate, sizeof script->history_sqlstate, "%s", sqlstate ? sqlstate : "");
    script->history_locked =
        script->history_at == script->history_lock_at && strcmp(script->history_sqlstate, "55P03") == 0;
}

static void keep(struct script *script, const char *array) {
    struct text all = {0};
    if (script->history)
        text_add_bytes(&all, script->history, strlen(script->history) - 1);
    text_add(&all, "%s%s]", script->history ? "," : "[", array);
    free(script->history);
    script->history = all.bytes;
}

/* Those that were asked for, one behind the other; the others say no more than that they went well. */
static void take_array(struct script *script, const PGresult *result) {
    struct answer answer;
    if (script->history_at <= script->history_lock_at || script->history_at > script->history_answer_at)
        return;
    if (answer_open(&answer, result, 1, 1, 1) && *answer_text(&answer, 0, 0) != '[')
        answer_refuse(&answer, "the server's answer is no array of records");
    if (!*answer.wrong) {
        keep(script, answer_text(&answer, 0, 0));
        return;
    }
    script->history_failed = true;
    free(script->history);
    script->history = text_copy(answer.wrong);
}

void session_history_take(struct session *session, const PGresult *result) {
    struct script *script = &session->script;
    if (PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) && !script->history_failed)
        fail(script, result);
    else if (!script->history_failed)
        take_array(script, result);
    script->history_at++;
}

void session_history_report(struct session *session) {
    struct script *script = &session->script;
    bool failed = script->history_failed || !script->history;
    const char *message = script->history ? script->history : "the server's answer has no records";
    struct failure failure = {.message = message, .detail = script->history_detail};
    memcpy(failure.sqlstate, script->history_sqlstate, SQLSTATE_BYTES);
    struct report report = {.kind = REPORT_HISTORY};
    report.history.answer = failed ? NULL : script->history;
    report.history.locked = script->history_locked;
    tell_report(session, report, failed ? &failure : NULL);
    begin(script);
}
