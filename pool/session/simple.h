/*
 * A text of several statements, which the simple protocol takes: one step at a time, with nothing else on its
 * way.
 */
#ifndef POOL_SESSION_SIMPLE_H
#define POOL_SESSION_SIMPLE_H

#include "pool/session/internal.h"

/* Begins the first flight; and goes on when a step of it is answered. False: the connection is of no more
 * use. */
bool simple_begin(struct session *session);
bool simple_go_on(struct session *session);

#endif
