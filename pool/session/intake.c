/*
 * How much a session takes in from a server that may send anything, for ever: libpq keeps a message until it
 * is complete, notifications until they are asked for, and every parameter's status that it ever heard of.
 * What exceeds a bound ends the session with the reason; rows, of which each is dropped at once, have none.
 */
#include <time.h>

#include "pool/login/receive.h"
#include "pool/session/internal.h"

/* Received in one turn: of a message that is known to be a large one, and else. */
#define AT_ONCE_BYTES       ((size_t)32 * 1024)
#define AT_ONCE_LARGE_BYTES ((size_t)256 * 1024)

/* Since the last answer or notice: a row whose values nobody reads; and what the history may know of many
 * tasks. */
#define MESSAGE_BYTES_MOST ((size_t)8 * 1024 * 1024)
#define HISTORY_BYTES_MOST ((size_t)64 * 1024 * 1024)

/* Since the last answer: of notifications; and of notices, which a text may raise for long. */
#define NOTIFIED_BYTES_MOST ((size_t)16 * 1024 * 1024)
#define NOTICES_BYTES_MOST  ((size_t)1024 * 1024 * 1024)

/* On a session of which nothing was asked. */
#define IDLE_BYTES_MOST ((size_t)256 * 1024)

/* Of processor time, for AT_ONCE_BYTES: a hundred times what an honest server's cost. libpq goes through all
 * the parameters that it knows for each that it hears of. */
#define AT_ONCE_NS_MOST 100000000

static int64_t processor_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* The connection is of no more use; of its first run nothing is done, or that is not known. */
static bool refuse(struct session *session, const char *why, const char *advice) {
    struct flight *flight = flight_first(&session->script);
    if (flight && flight_is_uncommitted(flight))
        return script_refuse(session, why, advice);
    if (flight)
        session_cancel(session);
    session_break(session, why);
    return false;
}

static bool take_notifications(struct session *session) {
    struct intake *intake = &session->script.intake;
    for (PGnotify *notify = PQnotifies(session->conn); notify; notify = PQnotifies(session->conn)) {
        PQfreemem(notify);
        intake->notified_bytes_count += intake->bytes_count;
        intake->bytes_count = 0;
    }
    if (intake->notified_bytes_count > NOTIFIED_BYTES_MOST)
        return refuse(session, "the session was flooded with notifications; a task has no use for LISTEN",
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

static size_t most_bytes(const struct script *script) {
    return script_busy(script) && script_head(script) == STEP_HISTORY ? HISTORY_BYTES_MOST
                                                                      : MESSAGE_BYTES_MOST;
}

/* What is not complete yet. A read has a bound of its own. */
static bool may_grow(struct session *session) {
    struct script *script = &session->script;
    const struct flight *flight = flight_first(script);
    if (flight && flight->work.stage == SESSION_READ)
        return transfer_may_grow(session);
    return script->intake.bytes_count <= most_bytes(script) ||
           refuse(session,
                  "the server sent a message of more than 8 MiB, a row most likely; rows of a task's text "
                  "are not "
                  "used, so have it return less",
                  NULL);
}

/* Of a flood of small ones so many bytes would have taken too long. */
static size_t at_once_bytes(const struct intake *intake) {
    return intake->bytes_count < AT_ONCE_LARGE_BYTES ? AT_ONCE_BYTES : AT_ONCE_LARGE_BYTES;
}

/* What TLS holds back does not show on the socket. */
bool intake_more(struct session *session) {
    bool usable = true;
    for (int i = 0; usable && (i == 0 || (i < 3 && PQsslInUse(session->conn))); i++) {
        size_t bytes_count;
        usable = receive_some(session->conn, at_once_bytes(&session->script.intake), &bytes_count);
        session->script.intake.bytes_count += bytes_count;
        if (!digest(session))
            return false;
    }
    return usable && (PQisBusy(session->conn) == 0 || may_grow(session));
}

void intake_answered(struct script *script) {
    script->intake = (struct intake){0};
}

/* The end of an idle session comes as a notice, and the end of the stream behind it. */
void intake_notice(void *context, const PGresult *result) {
    struct session *session = context;
    struct intake *intake = &session->script.intake;
    const char *said = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    intake->notices_bytes_count += intake->bytes_count;
    intake->bytes_count = 0;
    if (flight_is_last_word(result))
        session_first_line(said ? said : "the server ended it", session->last_words,
                           sizeof session->last_words);
    flight_take_notice(&session->script, result);
}

bool intake_idle(struct session *session) {
    size_t bytes_count;
    bool usable = receive_some(session->conn, AT_ONCE_BYTES, &bytes_count);
    session->idle_bytes_count += bytes_count;
    if (!digest(session))
        return false;
    return session->idle_bytes_count <= IDLE_BYTES_MOST
               ? usable
               : refuse(session, "the server keeps sending what nobody asked for", NULL);
}
