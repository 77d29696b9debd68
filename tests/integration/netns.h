/*
 * Another host: a network namespace that one pair of interfaces joins with ours, whose link can be cut. It is
 * held by a process that dies with the test, and vanishes with it. Needs root and `ip`.
 */
#ifndef TESTS_INTEGRATION_NETNS_H
#define TESTS_INTEGRATION_NETNS_H

#include "harness.h"

struct netns {
    pid_t holder;
    char link[16];     /* our end */
    char address[32];  /* of our end: where the other host finds us */
    char wrapper[128]; /* a program that runs headgate there */
};

/* number: 0, 1, ... for several at once. False, with a message on stderr: it can't be done here. */
bool netns_open(struct netns *netns, int number);
void netns_set_link(const struct netns *netns, bool up);
/* As daemon_start(), on the other host. */
void netns_daemon_start(const struct netns *netns, struct process *process);
void netns_close(struct netns *netns);

#endif
