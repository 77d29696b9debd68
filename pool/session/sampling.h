/*
 * A session looks at the database for its pool: the look of look.h, in the session's own pipeline. What
 * changes rarely is asked for now and then only.
 */
#ifndef POOL_SESSION_SAMPLING_H
#define POOL_SESSION_SAMPLING_H

#include "pool/session/internal.h"

bool sampling_send(struct session *session);
void sampling_take(struct session *session, const PGresult *result);
void sampling_take_facts(struct session *session, const PGresult *result);
void sampling_take_error(struct session *session, const PGresult *result);
void sampling_report(struct session *session);

#endif
