/*
 * What is worth a line in the log: each failure once in full, then when it changes or its count reaches the
 * next power of ten; the first success after it; what was skipped, once until the next success.
 *
 * failure: what was said of it, or NULL.
 */
#ifndef SCHEDULER_DAEMON_LOG_EVENTS_H
#define SCHEDULER_DAEMON_LOG_EVENTS_H

#include "scheduler/daemon/state.h"

/* --- runs --- */

/* A run has ended, or occurrences were skipped. With --once, also on stdout. */
void log_record(struct daemon *daemon, const struct action *action, const struct failure *failure);
void log_retry(struct daemon *daemon, const struct action *action, const struct failure *failure);
void log_stopping(struct daemon *daemon, const struct run *run, bool abort_it);
void log_held(struct daemon *daemon, const struct run *run, int64_t held_us);
void log_hold(struct daemon *daemon, const struct action *action);
void log_breach(struct daemon *daemon, const struct action *action, const struct failure *failure);
void log_heavier(struct daemon *daemon, const struct action *action);
/* What became of a run that was unknown; before the core knows. */
void log_resolved(struct daemon *daemon, const char *task, const char *due, const struct event *event);

/* --- clocks --- */

void log_stepped(struct daemon *daemon, int64_t stepped_us);
void log_kept(struct daemon *daemon, const struct action *action);
void log_ahead(struct daemon *daemon, const struct action *action);
/* When the clocks of the server and of ours come apart, and when they agree again. */
void log_clocks(struct daemon *daemon, const struct sample *sample, uint32_t pool);

/* --- servers --- */

void log_connect(struct daemon *daemon, struct session_pool *pool, const struct failure *failure);
void log_connected(struct daemon *daemon, struct session_pool *pool, struct session *session);
void log_standby(struct daemon *daemon, const struct action *action, const struct failure *failure);
void log_listens(struct daemon *daemon, struct session_pool *pool, const struct event *event,
                 const struct failure *failure);
void log_channels(struct daemon *daemon, struct session_pool *pool, uint32_t index,
                  const struct failure *failure);
void log_gate(struct daemon *daemon, uint32_t pool); /* its limit changed */
void log_blind(struct daemon *daemon, const struct session_pool *pool,
               const struct failure *failure); /* a look at the database failed */
/* What an earlier daemon left there, when that changes. */
void log_leftovers(struct daemon *daemon, const struct session_pool *pool, uint32_t count, uint32_t before);
/* error: why it could not be asked; NULL: it could again. */
void log_pooler(struct daemon *daemon, uint32_t pool, const char *error);

#endif
