/*
 * The first statement of a run that is put on record: headgate.start_one(), claim_one(), start() or finish()
 * of etc/history. Its values go in binary, with their types, so that the server has nothing to guess.
 */
#ifndef POOL_SESSION_CLAIM_H
#define POOL_SESSION_CLAIM_H

#include "pool/session/internal.h"

bool claim_send(struct session *session, const struct session_work *work, enum claim claim);

/* What another run has answered since is cut off the front of what the first run claimed. */
void claim_take(struct script *script, const PGresult *result);

#endif
