/*
 * What a session asks of the schema headgate: that it is there and what is in it, or that it takes a batch of
 * records and forgets old ones. The functions are in etc/history.
 */
#ifndef POOL_SESSION_HISTORY_H
#define POOL_SESSION_HISTORY_H

#include "pool/session/internal.h"

bool session_history_send(struct session *session, const struct history_question *question);
void session_history_take(struct session *session, const PGresult *result);
void session_history_report(struct session *session);
void session_history_forget(struct script *script); /* the answer */

#endif
