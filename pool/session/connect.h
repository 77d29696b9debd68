/*
 * A session's login: our options, and what a server or a pooler says when it refuses.
 */
#ifndef POOL_SESSION_CONNECT_H
#define POOL_SESSION_CONNECT_H

#include "pool/session/internal.h"

void connect_start(struct session *session);

#endif
