/*
 * What a look at the database leads to beside its numbers: the pooler in front of it is asked, too, and the
 * sessions of running commands are counted for each.
 */
#ifndef SCHEDULER_DAEMON_LOOKOUT_H
#define SCHEDULER_DAEMON_LOOKOUT_H

#include "scheduler/daemon/state.h"

/* Makes the poolers of the daemon's present pools. */
void lookout_follow(struct daemon *daemon);

/* Before the pools change. Accepts what is zeroed. */
void lookout_close(struct daemon *daemon);

void lookout_sampled(struct daemon *daemon, uint32_t pool, const struct sample *sample);

#endif
