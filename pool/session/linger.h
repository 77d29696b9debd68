/*
 * A closed session keeps its token until the server's backend is gone, and the other end of the socket says
 * when: the kernel closes it when the backend's process has given back its slot and exits.
 */
#ifndef POOL_SESSION_LINGER_H
#define POOL_SESSION_LINGER_H

#include "pool/session/internal.h"

/* fd: the socket, taken; -1 when no backend is at its other end: then it is gone in the next turn of the
 * loop. */
void linger_start(struct session *session, int fd);
void linger_stop(struct session *session);

#endif
