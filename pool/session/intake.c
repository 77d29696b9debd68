#include "pool/session/intake.h"

#include <string.h>
#include <time.h>

#include "pool/login/receive.h"
#include "pool/session/cancel.h"
#include "pool/session/flight.h"
#include "pool/session/listening.h"
#include "pool/session/ring.h"
#include "pool/session/tell.h"
#include "pool/session/wire.h"
#include "tasks/size.h"

/*
 * None of these bounds is met by an honest server (tests/integration/test_sizes.c has the largest that it can
 * send); each is small against a machine's memory. They are chosen, not measured.
 */

/* Received in one turn; and of a message that is known to be a large one. */
#define AT_ONCE_BYTES       ((size_t)32 * 1024)
#define AT_ONCE_LARGE_BYTES ((size_t)256 * 1024)

/* Since the last answer or notice: a message whose contents nobody reads; and what the history may know of
 * many tasks. libpq makes nothing of a message before it has all of it, and does not tell of what kind the
 * one is that comes: so what is too large cannot be dropped, be it a row, an error or a notice, and the
 * session ends. Notices are not sent to begin with (login_options()). */
#define MESSAGE_BYTES_MOST ((size_t)8 * 1024 * 1024)
#define HISTORY_BYTES_MOST ((size_t)64 * 1024 * 1024)

/* What libpq reads beyond a row of a read. */
#define ROW_SLACK_BYTES ((size_t)1024 * 1024)

/* Since the last answer: of notifications; and of notices, which a text may raise for long. */
#define NOTIFIED_BYTES_MOST ((size_t)16 * 1024 * 1024)
#define NOTICES_BYTES_MOST  ((size_t)1024 * 1024 * 1024)

/* Received, and neither a result nor a notice nor a notification: parameters, which libpq keeps for good. */
#define KEPT_BYTES_MOST ((size_t)16 * 1024 * 1024)

/* The most that an idle session may receive, of which nothing was asked. */
#define IDLE_BYTES_MOST ((size_t)256 * 1024)

/* Of processor time, to read AT_ONCE_BYTES: a hundred times what those of an honest server take. libpq goes
 * through all the parameters that it knows for each that it hears of. */
#define AT_ONCE_NS_MOST 100000000

static int64_t processor_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Gives the connection up. Its first run fails if nothing of it can be committed; else it is unknown. */
static bool refuse(struct session *session, const char *why, const char *advice) {
    struct flight *flight = flight_first(&session->script);
    if (flight && flight_is_uncommitted(flight))
        return wire_refuse(session, why, advice);
    if (flight)
        cancel_start(session);
    wire_break(session, why);
    return false;
}

/* So much of what was received is handed out, and more for its frame, TLS's among it. */
static void account_for(uint64_t *unaccounted_count, size_t bytes_count) {
    bytes_count += bytes_count / 64 + 64;
    *unaccounted_count -= bytes_count < *unaccounted_count ? bytes_count : *unaccounted_count;
}

/* Of an error or a notice: nothing else has such fields, and rows come by the million. */
static size_t error_bytes(const PGresult *result) {
    static const char fields[] = "SVCMDHPpqWsctdnFLR";
    ExecStatusType status = PQresultStatus(result);
    bool is_error = status == PGRES_FATAL_ERROR || status == PGRES_NONFATAL_ERROR;
    size_t bytes_count = 0;
    for (const char *field = fields; is_error && *field; field++) {
        const char *said = PQresultErrorField(result, *field);
        bytes_count += said ? strlen(said) + 2 : 0;
    }
    return bytes_count;
}

static bool take_notifications(struct session *session) {
    struct intake *intake = &session->script.intake;
    for (PGnotify *notify = PQnotifies(session->conn); notify; notify = PQnotifies(session->conn)) {
        size_t bytes_count = strlen(notify->relname) + strlen(notify->extra);
        account_for(&session->kept_bytes_count, bytes_count);
        if (listening_hear(session, notify->relname))
            account_for(&session->idle_bytes_count, bytes_count);
        else
            intake->notified_bytes_count += intake->bytes_count;
        PQfreemem(notify);
        intake->bytes_count = 0;
    }
    if (intake->notified_bytes_count > NOTIFIED_BYTES_MOST)
        return refuse(
            session,
            "the session was flooded with notifications of channels that wake no task; a text has no "
            "use for LISTEN",
            NULL);
    return intake->notices_bytes_count <= NOTICES_BYTES_MOST ||
           refuse(session, "the session was flooded with notices; have the text raise fewer", NULL);
}

/* libpq makes of the bytes what they are. */
static bool digest(struct session *session) {
    int64_t began_ns = processor_ns();
    PQisBusy(session->conn);
    if (processor_ns() - began_ns > AT_ONCE_NS_MOST)
        return refuse(session, "the server sends what takes too long to read: parameters without end, say",
                      NULL);
    return take_notifications(session);
}

bool intake_row_fits(struct session *session, uint64_t bytes_count) {
    const struct cargo *cargo = flight_first(&session->script)->work.cargo;
    char most[SIZE_TEXT_BYTES];
    struct text error = {0};
    if (bytes_count <= cargo->most_bytes + ROW_SLACK_BYTES)
        return true;
    text_add(&error, "a row of read is larger than max_bytes = %s", size_format(cargo->most_bytes, most));
    wire_refuse(session, error.bytes, "raise max_bytes, or read less of it");
    text_finish(&error);
    return false;
}

/* What is not complete yet. A read has a bound of its own. */
static bool may_grow(struct session *session) {
    struct script *script = &session->script;
    const struct flight *flight = flight_first(script);
    bool of_history = ring_is_busy(script) && ring_head(script) == STEP_HISTORY;
    if (flight && flight->work.stage == SESSION_READ)
        return intake_row_fits(session, script->intake.bytes_count);
    return script->intake.bytes_count <= (of_history ? HISTORY_BYTES_MOST : MESSAGE_BYTES_MOST) ||
           refuse(session,
                  "the server sent a message of more than 8 MiB: a row, an error or a warning; of a task's "
                  "text none is kept, so have it return or raise less",
                  NULL);
}

/* What TLS holds back does not show on the socket. */
bool intake_more(struct session *session) {
    bool usable = true;
    for (int i = 0; usable && (i == 0 || (i < 3 && PQsslInUse(session->conn))); i++) {
        /* so much of many small messages would take too long to read */
        bool large = session->script.intake.bytes_count >= AT_ONCE_LARGE_BYTES;
        size_t bytes_count;
        usable = receive_some(session->conn, large ? AT_ONCE_LARGE_BYTES : AT_ONCE_BYTES, &bytes_count);
        session->script.intake.bytes_count += bytes_count;
        session->kept_bytes_count += bytes_count;
        if (!digest(session))
            return false;
    }
    return usable && (PQisBusy(session->conn) == 0 || may_grow(session));
}

size_t intake_row_bytes(const PGresult *result, int row) {
    size_t bytes_count = 0;
    for (int column = 0; column < PQnfields(result); column++)
        bytes_count += (size_t)PQgetlength(result, row, column);
    return bytes_count;
}

bool intake_took(struct session *session, const PGresult *result) {
    struct script *script = &session->script;
    script->intake = (struct intake){0};
    script->described &= result != NULL;
    if (!result)
        return true;
    size_t bytes_count = error_bytes(result) + strlen(PQcmdStatus((PGresult *)result));
    int columns = PQnfields(result);
    for (int column = 0; column < columns && !script->described; column++) {
        const char *name = PQfname(result, column); /* NULL: a column of COPY has none */
        bytes_count += (name ? strlen(name) : 0) + 19;
    }
    script->described |= columns > 0;
    for (int row = 0; row < PQntuples(result); row++)
        bytes_count += intake_row_bytes(result, row) + 4 * (size_t)columns;
    account_for(&session->kept_bytes_count, bytes_count);
    return session->kept_bytes_count <= KEPT_BYTES_MOST ||
           refuse(session,
                  "the server sends what is no answer, beside its answers: parameters without end, say",
                  NULL);
}

/* The end of an idle session comes as a notice, and the end of the stream behind it. */
void intake_notice(void *context, const PGresult *result) {
    struct session *session = context;
    struct intake *intake = &session->script.intake;
    const char *said = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    account_for(&session->kept_bytes_count, error_bytes(result));
    intake->notices_bytes_count += intake->bytes_count;
    intake->bytes_count = 0;
    if (flight_is_last_word(result))
        tell_first_line(said ? said : "the server ended it", session->last_words, sizeof session->last_words);
    flight_take_notice(&session->script, result);
}

/* Nothing is expected now but notices, parameter changes, and its end. */
bool intake_has_ended(struct session *session) {
    size_t bytes_count;
    bool usable = receive_some(session->conn, AT_ONCE_BYTES, &bytes_count);
    session->idle_bytes_count += bytes_count;
    if (!digest(session))
        return true;
    if (session->idle_bytes_count > IDLE_BYTES_MOST) {
        refuse(session, "the server keeps sending what nobody asked for", NULL);
        return true;
    }
    while (usable && !PQisBusy(session->conn)) {
        PGresult *result = PQgetResult(session->conn);
        if (!result)
            break;
        PQclear(result);
    }
    if (usable)
        (void)PQisBusy(session->conn); /* takes in what came behind the last sync */
    return !usable || *session->last_words || PQstatus(session->conn) == CONNECTION_BAD;
}
