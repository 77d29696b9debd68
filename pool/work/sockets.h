/*
 * How many connections to a server the processes of one group have, as this machine's kernel tells: a command
 * may give its sessions a name of their own, but not other sockets. Reads /proc and blocks for some
 * milliseconds: for a thread.
 */
#ifndef POOL_WORK_SOCKETS_H
#define POOL_WORK_SOCKETS_H

#include <stdint.h>

struct sockets_server {
    char path[108]; /* of its Unix socket; "" when it is reached over TCP */
    uint16_t port;  /* of its TCP socket */
};

/* 0 also when the kernel does not tell, as without /proc. */
uint32_t sockets_count(int process_group, const struct sockets_server *server);

#endif
