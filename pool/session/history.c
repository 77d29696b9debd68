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
    " (extract(epoch FROM due) * 1000000)::bigint AS due_us,"
    " (extract(epoch FROM due_until) * 1000000)::bigint AS until_us, outcome"
    " FROM headgate.record($1::jsonb)) r";
static const char chains_sql[] =
    "SELECT coalesce(json_agg(r), '[]') FROM (SELECT * FROM headgate.chains($1, $2, $3::jsonb)) r";
static const char meet_sql[] = "SELECT coalesce(json_agg(r), '[]') FROM"
                               " (SELECT other, extract(epoch FROM now() - seen)::bigint AS seen_s"
                               " FROM headgate.meet($1, $2, $3, $4::bool)) r";
static const char prune_sql[] = "SELECT headgate.prune($1::interval, $2::bigint, $3::int)";

static bool ask(struct session *session, const char *sql, const char *const *values, int count) {
    return ring_push(&session->script, STEP_HISTORY,
                     PQsendQueryParams(session->conn, sql, count, NULL, values, NULL, NULL, 0));
}

void session_history_forget(struct script *script) {
    free(script->recalled.text);
    free(script->recalled.detail);
    script->recalled = (struct recalled){0};
}

/* COMMIT has a segment of its own: where one before it failed, it ends the transaction all the same. */
bool session_history_send(struct session *session, const struct history_question *question) {
    const char *restore[] = {question->service, question->daemon, question->tasks, question->life},
               *meet[] = {question->service, question->daemon, question->meets, question->tasks ? "t" : "f"},
               *chains[] = {question->service, question->life, question->chains},
               *prune[] = {question->keep, question->rows, question->count};
    session_history_forget(&session->script);
    struct recalled *recalled = &session->script.recalled;
    recalled->lock_at =
        question->makes_schema ? 3 : 2; /* behind BEGIN, the path, and what makes the schema */
    recalled->answer_at = recalled->lock_at + 1 + (question->tasks != NULL) + (question->chains != NULL) +
                          (question->meets != NULL);
    return ask(session, "BEGIN", NULL, 0) && ask(session, path_sql, NULL, 0) &&
           (!question->makes_schema || ask(session, history_migration(), NULL, 0)) &&
           ask(session, lock_sql, NULL, 0) && ask(session, record_sql, &question->records, 1) &&
           (!question->tasks || ask(session, restore_sql, restore, 4)) &&
           (!question->chains || ask(session, chains_sql, chains, 3)) &&
           (!question->meets || ask(session, meet_sql, meet, 4)) &&
           (!question->keep || ask(session, prune_sql, prune, 3)) && ring_send_sync(session, STEP_SYNC) &&
           ask(session, "COMMIT", NULL, 0);
}

static void fail(struct recalled *recalled, const PGresult *result) {
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    free(recalled->text);
    recalled->text = answer_field(result, PG_DIAG_MESSAGE_PRIMARY);
    recalled->detail = answer_field(result, PG_DIAG_MESSAGE_DETAIL);
    snprintf(recalled->sqlstate, sizeof recalled->sqlstate, "%s", sqlstate ? sqlstate : "");
    bool locked = recalled->at == recalled->lock_at && strcmp(recalled->sqlstate, "55P03") == 0;
    recalled->state = locked ? RECALL_LOCKED : RECALL_FAILED;
}

/* Those that were asked for, one behind the other; the others say no more than that they went well. */
static void take_array(struct recalled *recalled, const PGresult *result) {
    struct answer answer;
    struct text all = {0};
    if (recalled->at <= recalled->lock_at || recalled->at > recalled->answer_at)
        return;
    if (answer_open(&answer, result, 1, 1, 1) && *answer_text(&answer, 0, 0) != '[')
        answer_refuse(&answer, "the server's answer is no array of records");
    if (*answer.wrong) {
        recalled->state = RECALL_FAILED;
        text_add(&all, "%s", answer.wrong);
    } else {
        if (recalled->text)
            text_add_bytes(&all, recalled->text, strlen(recalled->text) - 1);
        text_add(&all, "%s%s]", recalled->text ? "," : "[", answer_text(&answer, 0, 0));
    }
    free(recalled->text);
    recalled->text = all.bytes;
}

void session_history_take(struct session *session, const PGresult *result) {
    struct recalled *recalled = &session->script.recalled;
    if (recalled->state == RECALL_WELL && PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY))
        fail(recalled, result);
    else if (recalled->state == RECALL_WELL)
        take_array(recalled, result);
    recalled->at++;
}

void session_history_report(struct session *session) {
    const struct recalled *recalled = &session->script.recalled;
    bool failed = recalled->state != RECALL_WELL || !recalled->text;
    struct failure failure = {.message =
                                  recalled->text ? recalled->text : "the server's answer has no records",
                              .detail = recalled->detail};
    memcpy(failure.sqlstate, recalled->sqlstate, SQLSTATE_BYTES);
    struct report report = {.kind = REPORT_HISTORY};
    report.history.answer = failed ? NULL : recalled->text;
    report.history.locked = recalled->state == RECALL_LOCKED;
    tell_report(session, report, failed ? &failure : NULL);
    session_history_forget(&session->script);
}
