/*
 * How a transaction of a run begins: with the pool's statement_timeout, where that did not come through with
 * the login.
 */
#ifndef POOL_SESSION_BEGIN_H
#define POOL_SESSION_BEGIN_H

#include "pool/session/internal.h"

#define BEGIN_TEXT_BYTES 80

/* Each transaction sets the statement_timeout, as the login did not. */
bool begin_sets_timeout(const struct session *session);
const char *begin_text(const struct session *session, char text[static BEGIN_TEXT_BYTES]);
bool begin_send(struct session *session, bool reads_only);

/* What follows in this segment of the pipeline, up to its sync, may not write. */
bool begin_send_reads_only(struct session *session);

#endif
