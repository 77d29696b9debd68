/*
 * What was sent on a session and is not answered yet: a ring of steps, each one query or one sync of a
 * pipeline. What sends returns false when the connection is of no more use.
 */
#ifndef POOL_SESSION_RING_H
#define POOL_SESSION_RING_H

#include "pool/session/internal.h"

bool ring_is_busy(const struct script *script);   /* something is unanswered */
enum step ring_head(const struct script *script); /* the step that is being answered */
bool ring_is_sync(enum step step);
void ring_advance(struct script *script);

/* sent: what the libpq function that queued the step returned. */
bool ring_push(struct script *script, enum step step, int sent);
bool ring_send_query(struct session *session, enum step step, const char *sql);
bool ring_send_sync(struct session *session, enum step step);
bool ring_send_rollback(struct session *session);

#endif
