/*
 * A TCP port in front of a server's Unix socket, in a process of its own, that can cut a line at a random
 * byte of a transaction, in either direction: after the client's BEGIN, up to the last byte of the answer to
 * COMMIT.
 */
#ifndef TESTS_INTEGRATION_PROXY_H
#define TESTS_INTEGRATION_PROXY_H

#include <stdint.h>
#include <sys/types.h>

struct proxy_shared;

struct proxy {
    pid_t pid;
    int port; /* of 127.0.0.1 */
    struct proxy_shared *shared;
};

/* socket_path: of the server. It dies with the test. The same seed draws the same bytes of the same
 * transactions. */
void proxy_start(struct proxy *proxy, const char *socket_path, uint32_t seed);
/* The next transaction is cut, once. */
void proxy_arm(struct proxy *proxy);
/* How many were; and of those, at how many the client had sent the last byte. */
long proxy_cut_count(const struct proxy *proxy);
long proxy_late_cut_count(const struct proxy *proxy);
void proxy_stop(struct proxy *proxy);

#endif
