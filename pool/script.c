/*
 * What a session runs, as a short list of steps. On the extended protocol all steps are sent at once, in a
 * pipeline: the run in a segment of its own, its cleaning in the next. A text of several statements needs the
 * simple protocol, which takes one step at a time.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pool/session_parts.h"
#include "pool/statement.h"

/* Results taken in one turn of the loop, so that ten million rows leave room for other tasks. */
#define RESULTS_PER_TURN 1000

static const char survey_sql[] =
    "/* headgate survey */ WITH me AS (SELECT usesysid, pid, (extract(epoch FROM backend_start) * "
    "1000000)::bigint AS"
    " since FROM pg_stat_get_activity(pg_backend_pid())) SELECT count(a.pid), min(me.since) FROM me LEFT JOIN"
    " pg_stat_get_activity(NULL) a ON a.usesysid = me.usesysid AND a.pid <> me.pid AND a.application_name ="
    " ANY ($1::text[]) AND extract(epoch FROM a.backend_start) * 1000000 < coalesce(nullif($2, '')::bigint, "
    "me.since)"
    " WHERE true";

/* --- the run's fate --- */

static void failure_clear(struct script *script) {
    free(script->message);
    free(script->detail);
    free(script->hint);
    free(script->failure_context);
    script->message = script->detail = script->hint = script->failure_context = NULL;
    script->sqlstate[0] = '\0';
    script->advice = NULL;
    script->line = 0;
    script->failed = false;
}

void script_forget(struct script *script) {
    failure_clear(script);
    *script = (struct script){.simple = script->simple};
}

static char *copy(const char *text) {
    return text ? strdup(text) : NULL;
}

/* The first failure is the cause; what follows it in the same transaction is its echo. */
static void fail(struct script *script, const char *sqlstate, const char *message, const char *advice) {
    if (script->failed)
        return;
    script->failed = true;
    script->message = copy(message);
    script->advice = advice && *advice ? advice : NULL;
    if (sqlstate && strlen(sqlstate) < SQLSTATE_BYTES)
        strcpy(script->sqlstate, sqlstate);
}

void script_end_run(struct session *session, enum outcome outcome, const char *why) {
    struct script *script = &session->script;
    if (!script->undecided)
        return;
    script->undecided = false;
    if (outcome == OUTCOME_UNKNOWN && script->failed) /* the server said no before it was lost: not done */
        outcome = OUTCOME_FAILED;
    else if (why)
        fail(script, "", why,
             outcome == OUTCOME_UNKNOWN ? "it was sent and its answer was lost; it may have been done"
                                        : NULL);
    struct failure failure = {.message = script->message,
                              .detail = script->detail,
                              .hint = script->hint,
                              .context = script->failure_context,
                              .advice = script->advice,
                              .line = script->line};
    memcpy(failure.sqlstate, script->sqlstate, SQLSTATE_BYTES);
    struct report report = {.kind = REPORT_RUN_ENDED, .session = session->handle, .run = script->work.run};
    report.ended.outcome = outcome;
    report.ended.row_count = script->row_count;
    session->pool->report(session->pool->context, &report, outcome == OUTCOME_OK ? NULL : &failure);
}

static void decide(struct session *session) {
    script_end_run(session, session->script.failed ? OUTCOME_FAILED : OUTCOME_OK, NULL);
}

/* --- sending --- */

static bool push(struct script *script, enum step step, int sent) {
    assert(script->count < STEPS_MAX);
    script->steps[script->count++] = step;
    return sent == 1;
}

static int send_params(PGconn *conn, const char *sql) {
    return PQsendQueryParams(conn, sql, 0, NULL, NULL, NULL, NULL, 0);
}

static void compose_work(const struct session_work *work, struct text *text) {
    text_add(text, "/* headgate task=%s */ %s", work->label, work->sql);
}

static bool send_clean(struct session *session) {
    struct script *script = &session->script;
    return push(script, STEP_CLEAN, send_params(session->conn, "DISCARD ALL")) &&
           push(script, STEP_CLEAN_SYNC, PQpipelineSync(session->conn));
}

static void script_reset(struct script *script, bool pipelined) {
    script->count = script->at = 0;
    script->pipelined = pipelined;
    script->clean_failed = false;
}

static bool send_pipelined(struct session *session) {
    struct script *script = &session->script;
    PGconn *conn = session->conn;
    bool wrapped = script->work.transaction && !statement_is_one_transaction(script->work.sql);
    struct text text = {0};
    compose_work(&script->work, &text);
    script_reset(script, true);
    bool sent = !wrapped || push(script, STEP_BEGIN, send_params(conn, "BEGIN"));
    sent = sent && push(script, STEP_WORK, send_params(conn, text.bytes));
    sent = sent && (!wrapped || push(script, STEP_COMMIT, send_params(conn, "COMMIT")));
    sent = sent && push(script, STEP_RUN_SYNC, PQpipelineSync(conn)) && send_clean(session);
    text_finish(&text);
    return sent;
}

/* One step of the simple protocol. */
static bool send_simple(struct session *session, enum step step) {
    struct script *script = &session->script;
    static const char *const fixed[] = {
        [STEP_BEGIN] = "BEGIN", [STEP_COMMIT] = "COMMIT", [STEP_ROLLBACK] = "ROLLBACK"};
    struct text text = {0};
    if (step == STEP_WORK)
        compose_work(&script->work, &text);
    script_reset(script, false);
    bool sent = push(script, step, PQsendQuery(session->conn, step == STEP_WORK ? text.bytes : fixed[step]));
    if (sent && step == STEP_WORK)
        PQsetSingleRowMode(session->conn);
    text_finish(&text);
    return sent;
}

static bool begin_simple(struct session *session) {
    failure_clear(&session->script);
    session->script.retry_simple = false;
    session->script.simple = true;
    session->script.row_count = 0;
    return PQexitPipelineMode(session->conn) == 1 &&
           send_simple(session, session->script.work.transaction ? STEP_BEGIN : STEP_WORK);
}

void script_start_run(struct session *session, const struct session_work *work) {
    struct script *script = &session->script;
    script_forget(script);
    script->work = *work;
    script->undecided = true;
    script->simple = false;
    bool sent = work->simple ? begin_simple(session) : send_pipelined(session);
    if (sent && script->steps[0] == STEP_WORK && script->pipelined)
        PQsetSingleRowMode(session->conn);
    if (!sent)
        session_break(session, PQerrorMessage(session->conn));
}

void script_start_check(struct session *session) {
    script_forget(&session->script);
    script_reset(&session->script, true);
    if (!push(&session->script, STEP_CHECK_SYNC, PQpipelineSync(session->conn)))
        session_break(session, PQerrorMessage(session->conn));
}

void script_start_survey(struct session *session) {
    const struct session_pool *pool = session->pool;
    struct text names = {0};
    text_add(&names, "{\"%s\"", pool->application_name);
    for (char *const *name = pool->command_names; *name; name++)
        text_add(&names, ",\"%s\"", *name);
    text_add(&names, "}");
    const char *values[] = {names.bytes, pool->surveyed_since};
    script_forget(&session->script);
    script_reset(&session->script, true);
    bool sent = push(&session->script, STEP_SURVEY,
                     PQsendQueryParams(session->conn, survey_sql, 2, NULL, values, NULL, NULL, 0)) &&
                push(&session->script, STEP_SURVEY_SYNC, PQpipelineSync(session->conn));
    text_finish(&names);
    if (!sent)
        session_break(session, PQerrorMessage(session->conn));
}

/* --- taking in: what a result says --- */

/* Line within the task's own text; the comment before it has no newline. */
static int line_of(const struct script *script, const char *position) {
    struct text text = {0};
    compose_work(&script->work, &text);
    long characters = position ? strtol(position, NULL, 10) : 0;
    int line = characters > 0;
    for (const char *at = text.bytes; *at && characters > 1; at++) {
        line += *at == '\n';
        characters -= ((unsigned char)at[1] & 0xC0) != 0x80; /* a character ends here */
    }
    text_finish(&text);
    return line;
}

static void take_error(struct session *session, const PGresult *result, enum step step) {
    struct script *script = &session->script;
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (step == STEP_CLEAN) {
        script->clean_failed = true;
        return;
    }
    if (script->failed)
        return;
    fail(script, sqlstate, message ? message : PQresultErrorMessage(result),
         statement_failure_advice(sqlstate ? sqlstate : "", script->work.transaction));
    script->detail = copy(PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL));
    script->hint = copy(PQresultErrorField(result, PG_DIAG_MESSAGE_HINT));
    script->failure_context = copy(PQresultErrorField(result, PG_DIAG_CONTEXT));
    if (step == STEP_WORK)
        script->line = line_of(script, PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION));
}

static void take_tag(struct script *script, PGresult *result, enum step step) {
    const char *tag = PQcmdStatus(result);
    if (step == STEP_COMMIT && strcmp(tag, "COMMIT") != 0)
        fail(script, "", "the server rolled the transaction back when it was told to commit", NULL);
    if (step != STEP_WORK)
        return;
    script->row_count += strtoull(PQcmdTuples(result), NULL, 10);
    if (script->pipelined && statement_tag_is_transaction(tag))
        fail(script, "", "the text is a transaction command, which would reach beyond its own run",
             "leave BEGIN, COMMIT and ROLLBACK to transaction = on");
}

static void take_survey(struct session *session, const PGresult *result) {
    session->script.survey_count = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    if (*session->pool->surveyed_since == '\0')
        snprintf(session->pool->surveyed_since, sizeof session->pool->surveyed_since, "%s",
                 PQgetvalue(result, 0, 1));
}

/* False: the connection must go. */
static bool refuse_copy(struct session *session) {
    struct script *script = &session->script;
    failure_clear(script);
    fail(script, "", "the text contains COPY FROM STDIN or COPY TO STDOUT, and there is no client to talk to",
         "copy from or to a file or a program on the server, or run psql as a command task");
    session_cancel(session);
    script_end_run(session, OUTCOME_FAILED, NULL);
    session_break(session, NULL);
    return false;
}

static bool take_result(struct session *session, PGresult *result) {
    struct script *script = &session->script;
    enum step step = script->steps[script->at];
    switch (PQresultStatus(result)) {
    case PGRES_SINGLE_TUPLE: script->row_count++; return true;
    case PGRES_TUPLES_OK:
        if (step == STEP_SURVEY)
            take_survey(session, result);
        return true;
    case PGRES_COMMAND_OK: take_tag(script, result, step); return true;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH: return refuse_copy(session);
    case PGRES_BAD_RESPONSE:
    case PGRES_FATAL_ERROR:
        if (!PQresultErrorField(result, PG_DIAG_SQLSTATE)) /* libpq's own word: the server said nothing */
            return false;
        take_error(session, result, step);
        return true;
    default: return true; /* an empty query, or a step skipped after a failure */
    }
}

/* --- taking in: what the end of a step leads to --- */

static bool clean_again(struct session *session) {
    struct script *script = &session->script;
    if (script->cleaned_again) {
        session_break(session, "DISCARD ALL failed twice; the session cannot be cleaned");
        return false;
    }
    script_reset(script, true);
    script->cleaned_again = true;
    return push(script, STEP_ROLLBACK, send_params(session->conn, "ROLLBACK")) &&
           push(script, STEP_SYNC, PQpipelineSync(session->conn)) && send_clean(session);
}

static bool cleaned(struct session *session) {
    struct script *script = &session->script;
    if (script->clean_failed)
        return clean_again(session);
    if (script->retry_simple)
        return begin_simple(session);
    session_idle(session);
    session_report(session, REPORT_SESSION_READY, NULL);
    return true;
}

static bool sync_arrived(struct session *session) {
    struct script *script = &session->script;
    switch (script->steps[script->at++]) {
    case STEP_RUN_SYNC:
        script->retry_simple = script->failed && sqlstate_is_syntax(script->sqlstate) && !script->simple;
        if (!script->retry_simple)
            decide(session);
        return true;
    case STEP_CLEAN_SYNC: return cleaned(session);
    case STEP_CHECK_SYNC:
        session_idle(session);
        session_report(session, REPORT_SESSION_READY, NULL);
        return true;
    case STEP_SURVEY_SYNC: {
        struct report report = {.kind = REPORT_SURVEYED, .session = session->handle};
        report.leftover_count = (uint32_t)session->script.survey_count;
        session_idle(session);
        session->pool->report(session->pool->context, &report, NULL);
        return true;
    }
    default: return true;
    }
}

static bool end_simple(struct session *session) {
    decide(session);
    script_reset(&session->script, true);
    return PQenterPipelineMode(session->conn) == 1 && send_clean(session);
}

static bool simple_step_ended(struct session *session) {
    struct script *script = &session->script;
    enum step step = script->steps[script->at];
    PGTransactionStatusType status = PQtransactionStatus(session->conn);
    bool open = status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
    if (step == STEP_BEGIN && !script->failed)
        return send_simple(session, STEP_WORK);
    if (step == STEP_WORK && script->work.transaction && !open)
        fail(script, "", "the text ended the transaction that it runs in", "write transaction = off");
    if (step == STEP_WORK && !script->work.transaction && open)
        fail(script, "", "the text leaves a transaction open",
             "end it in the same text, or write transaction = on");
    if (step == STEP_WORK && open)
        return send_simple(session, script->failed ? STEP_ROLLBACK : STEP_COMMIT);
    return end_simple(session);
}

static bool is_sync(enum step step) {
    return step == STEP_SYNC || step == STEP_RUN_SYNC || step == STEP_CLEAN_SYNC || step == STEP_CHECK_SYNC ||
           step == STEP_SURVEY_SYNC;
}

/* The results of a query are complete; or those of a failure at the sync itself, which is still to come. */
static bool query_ended(struct session *session) {
    struct script *script = &session->script;
    if (is_sync(script->steps[script->at]))
        return true;
    if (!script->pipelined)
        return simple_step_ended(session);
    script->at++;
    if (script->at < script->count && script->steps[script->at] == STEP_WORK)
        PQsetSingleRowMode(session->conn);
    return true;
}

static bool take_next(struct session *session) {
    PGresult *result = PQgetResult(session->conn);
    if (!result)
        return query_ended(session);
    bool sync = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
    bool usable = sync ? sync_arrived(session) : take_result(session, result);
    PQclear(result);
    return usable;
}

static bool consume(PGconn *conn) {
    bool usable = PQconsumeInput(conn) == 1;
    for (int i = 0; usable && i < 2 && PQsslInUse(conn);
         i++) /* what TLS holds back does not show on the socket */
        usable = PQconsumeInput(conn) == 1;
    return usable;
}

/* The socket is read only when libpq has nothing complete left: read faster than it is used up, its buffer
 * would grow with the result, and be moved as a whole at every reading. */
bool script_read(struct session *session) {
    PGconn *conn = session->conn;
    struct script *script = &session->script;
    bool usable = true, consumed = false;
    for (int i = 0; i < RESULTS_PER_TURN && script->at < script->count; i++) {
        if (PQisBusy(conn) && !consumed) {
            consumed = true;
            usable = consume(conn);
        }
        if (PQisBusy(conn))
            break;
        if (!take_next(session) || session->broken)
            return false;
    }
    return usable && PQstatus(conn) == CONNECTION_OK;
}
