/*
 * What a session says to the daemon: one report at a time.
 */
#ifndef POOL_SESSION_TELL_H
#define POOL_SESSION_TELL_H

#include "pool/report.h"
#include "pool/session/internal.h"

void tell_report(struct session *session, struct report report, const struct failure *failure);

/* A report that is no more than its kind. failure: NULL when nothing went wrong. */
void tell_kind(struct session *session, enum report_kind kind, const struct failure *failure);

/* A copy of a message's first line: libpq explains on further ones, indented, what a person at a terminal
 * could do. */
void tell_first_line(const char *message, char *line, size_t bytes);

#endif
