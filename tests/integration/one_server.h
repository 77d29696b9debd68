/*
 * The server of a test program that has one: its start() starts it, and stop() is its end.
 */
#ifndef TESTS_INTEGRATION_ONE_SERVER_H
#define TESTS_INTEGRATION_ONE_SERVER_H

#include "harness.h"

extern struct server server;
extern const char *const conninfo; /* the server's */
int stop(void **state);

#endif
