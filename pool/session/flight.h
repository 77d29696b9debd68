/*
 * The fate of a run: what the server said of it, and the report of its end. A session has several on their
 * way, answered in the order of their sending; what comes in belongs to the first.
 */
#ifndef POOL_SESSION_FLIGHT_H
#define POOL_SESSION_FLIGHT_H

#include "pool/session/internal.h"

struct flight *flight_first(struct script *script); /* NULL: none */
struct flight *flight_add(struct script *script, const struct session_work *work);

/* The run's text with its task's name before it; in the script's memory, until that is used again. */
const char *flight_text(struct script *script, const struct session_work *work);

/* The claim is no more than the insertion of a key: who has the key, has answered all of it. */
bool flight_claims_a_key(const struct claim_values *values);

/* The first failure is the cause; what follows it in the same transaction is its echo. */
void flight_fail(struct flight *flight, const char *sqlstate, const char *message, const char *advice);
void flight_forget(struct flight *flight); /* that it failed */
void flight_take_error(struct session *session, const PGresult *result, enum step step);
void flight_take_notice(struct script *script, const PGresult *result);
void flight_take_tag(struct script *script, PGresult *result, enum step step);
void flight_take_changes(struct script *script, PGresult *result,
                         enum step step);                /* of rows that came back, too */
bool flight_was_not_parsed(const struct flight *flight); /* it failed of that, and did nothing */
void flight_retry(struct flight *flight);                /* from the start, over the simple protocol */
bool flight_is_uncommitted(const struct flight *flight); /* lost now, it leaves nothing done */

/* These report the end of the first flight, and take it out of the ring. */
void flight_end(struct session *session, enum outcome outcome, const char *why); /* why: or NULL */
void flight_decide(struct session *session); /* as failed or ok, as the server said */
void flight_unsent(struct session *session); /* the server has not begun it */

/* Whether an error ends the session; and whether it is the server's own last word: a pooler's says nothing of
 * what became of a run. */
bool flight_is_fatal(const PGresult *result);
bool flight_is_last_word(const PGresult *result);

/* Whether the first flight had not begun when the server said its last word: that ended an idle session. */
bool flight_has_not_begun(struct script *script, const PGresult *last_word);

#endif
