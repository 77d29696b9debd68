#include "pool/outcome.h"

#include <string.h>

static bool is(const char *sqlstate, const char *code) {
    return strcmp(sqlstate, code) == 0;
}

static bool in_class(const char *sqlstate, const char *class) {
    return strncmp(sqlstate, class, 2) == 0;
}

const char *outcome_name(enum outcome outcome) {
    switch (outcome) {
    case OUTCOME_OK: return "ok";
    case OUTCOME_NOTHING: return "nothing";
    case OUTCOME_FAILED: return "failed";
    case OUTCOME_TIMEOUT: return "timeout";
    case OUTCOME_CANCELLED: return "cancelled";
    case OUTCOME_UNKNOWN: return "unknown";
    case OUTCOME_SKIPPED: return "skipped";
    case OUTCOME_ELSEWHERE: return "elsewhere";
    }
    return "?";
}

static bool holds_one_of(const char *message, const char *const *phrases) {
    for (; *phrases; phrases++)
        if (strstr(message, *phrases))
            return true;
    return false;
}

/*
 * libpq refuses by itself what the other end said or showed, and will tomorrow. Its own words have no
 * SQLSTATE, and are English, as the program sets no locale.
 */
static bool is_refused_by_libpq(const char *message) {
    static const char *const phrases[] = {
        "certificate",                     /* theirs does not match or is not trusted; ours is not readable */
        "private key",                     /* ours */
        "SSL error:",                      /* no version or cipher in common, an alert */
        "SSL was required",                /* and the other end does not have it */
        "invalid response to",             /* no PostgreSQL: the negotiation */
        "expected authentication request", /* likewise */
        "authentication method", /* one that this libpq does not know, or require_auth does not want */
        "no password supplied",
        "channel binding",
        "SCRAM",
        "GSSAPI",
        NULL,
    };
    return holds_one_of(message, phrases) && !strstr(message, "unexpected eof");
}

/* Of PgBouncer, which says it for nearly everything, and whose texts nobody translates. */
static enum connect_failure failure_of_protocol(const char *message) {
    if (strstr(message, "startup parameter") || strstr(message, "startup packet"))
        return CONNECT_OPTIONS;
    return strstr(message, "no more connections allowed") ? CONNECT_FULL : CONNECT_UNREACHABLE;
}

enum connect_failure connect_failure_of(const char *sqlstate, const char *message) {
    if (is(sqlstate, "53300"))
        return CONNECT_FULL;
    if (is(sqlstate, "57P03"))
        return CONNECT_STARTING;
    if (is(sqlstate, "08P01"))
        return failure_of_protocol(message);
    if (is(sqlstate, "42704") || is(sqlstate, "22023"))
        return CONNECT_OPTIONS;
    if (in_class(sqlstate, "28") || in_class(sqlstate, "3D") || in_class(sqlstate, "42") ||
        in_class(sqlstate, "0A") || (*sqlstate == '\0' && is_refused_by_libpq(message)))
        return CONNECT_NEEDS_PERSON;
    return CONNECT_UNREACHABLE;
}

const char *connect_failure_advice(enum connect_failure failure, const char *sqlstate) {
    bool of_pooler = is(sqlstate, "08P01");
    switch (failure) {
    case CONNECT_FULL:
        return of_pooler
                   ? "the connection pooler takes no more clients (max_client_conn); runs wait until it does"
                   : "the server has no free connection slot for this role; runs wait until there is one";
    case CONNECT_STARTING: return "the server is starting up or shutting down; runs wait until it is ready";
    case CONNECT_UNREACHABLE:
        return of_pooler ? "the connection pooler refuses the login, its message says why; runs wait until "
                           "it does not"
                         : "runs wait until the server answers";
    case CONNECT_STANDBY:
        return "the server is a standby, which takes no writes; target_session_attrs=read-write in conninfo "
               "finds the primary";
    case CONNECT_OPTIONS: return "the server refuses a startup option; trying without headgate's own";
    case CONNECT_NEEDS_PERSON:
        return *sqlstate == '\0'
                   ? "correct what conninfo says of TLS and authentication, or the server's; waiting "
                     "alone will not cure it"
               : in_class(sqlstate, "28")
                   ? "correct user and password in conninfo, or pg_hba.conf on the server"
               : in_class(sqlstate, "3D") ? "correct dbname in conninfo, or create the database"
                                          : "correct conninfo, or GRANT CONNECT on the database to the role";
    }
    return "";
}

const char *statement_failure_advice(const char *sqlstate, bool transaction) {
    if (is(sqlstate, "25001"))
        return transaction ? "this statement cannot run in a transaction; write transaction = off"
                           : "this statement needs a task of its own, without other statements in its text";
    if (is(sqlstate, "2D000"))
        return transaction ? "the procedure ends its transaction by itself; write transaction = off"
                           : "a procedure that ends its transaction needs a task of its own";
    if (is(sqlstate, "25P01"))
        return transaction ? "" : "this statement needs a transaction; write transaction = on";
    if (is(sqlstate, "57014"))
        return "cancelled by statement_timeout, or by a person";
    return "";
}

bool sqlstate_is_syntax(const char *sqlstate) {
    return is(sqlstate, "42601");
}

bool sqlstate_is_protocol(const char *sqlstate) {
    return is(sqlstate, "08P01");
}

bool sqlstate_is_read_only(const char *sqlstate) {
    return is(sqlstate, "25006");
}

bool sqlstate_is_shutdown(const char *sqlstate) {
    return is(sqlstate, "57P01") || is(sqlstate, "57P02");
}

bool severity_is_last_word(const char *severity) {
    return is(severity, "FATAL") || is(severity, "PANIC");
}

bool sqlstate_is_idle_end(const char *sqlstate) {
    return is(sqlstate, "57P05") || is(sqlstate, "25P03");
}

bool sqlstate_is_connection(const char *sqlstate) {
    return in_class(sqlstate, "08");
}

enum failure_kind failure_kind_of(const char *sqlstate) {
    if (is(sqlstate, "40001") || is(sqlstate, "40P01"))
        return FAILURE_CONFLICT;
    if (is(sqlstate, "55P03"))
        return FAILURE_LOCK;
    return is(sqlstate, "57014") ? FAILURE_CANCEL : FAILURE_OTHER;
}

/* What any statement can meet says nothing of the history. */
enum failure_kind claim_failure_kind_of(const char *sqlstate, bool key_tells) {
    enum failure_kind kind = failure_kind_of(sqlstate);
    if (is(sqlstate, "HG001") || (is(sqlstate, "23505") && key_tells))
        return FAILURE_TAKEN;
    if (is(sqlstate, "HG002"))
        return FAILURE_GONE;
    if (kind == FAILURE_LOCK || is(sqlstate, "23505"))
        return FAILURE_CLAIM_WAIT;
    return kind == FAILURE_OTHER ? FAILURE_CLAIM : kind;
}
