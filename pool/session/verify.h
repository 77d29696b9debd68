/*
 * What runs that are known to leave nothing behind left behind after all: asked of the server in words,
 * before DISCARD ALL takes it away. Settings of one's own (a.b) are in no list of the server's and go unseen.
 */
#ifndef POOL_SESSION_VERIFY_H
#define POOL_SESSION_VERIFY_H

#include "pool/session/internal.h"

bool verify_send(struct session *session);
void verify_take(struct session *session, const PGresult *result);

#endif
