#include "scheduler/status/wake_words.h"

#include "scheduler/core/hearing.h"
#include "tasks/duration.h"

const char *status_hearing_name(const struct status *status, const struct core_pool *pool) {
    static const char *const names[] = {
        [HEARING_NOTHING] = NULL,        [HEARING_ON] = "listening",    [HEARING_DEAF] = "at a run",
        [HEARING_OFF] = "not listening", [HEARING_STANDBY] = "standby", [HEARING_POOLED] = "pooler",
    };
    return names[hearing_state_of(status->core, pool)];
}

/* Why no session listens. */
static void add_why(const struct status *status, const struct core_pool *pool, struct text *text) {
    const char *error = status_listen_error(status, pool);
    if (pool->hearing.failed_count && error)
        text_add(text, "LISTEN was refused: %s", error);
    else if (pool->failing || tokens_sessions(&pool->tokens) == pool->tokens.opening)
        text_add(text, "no session is open");
    else if (pool->hearing.asked || pool->hearing.again)
        text_add(text, "a session is being asked");
    else
        text_add(text, "all sessions are at work");
}

void status_hearing(const struct status *status, const struct core_pool *pool, struct text *text) {
    enum hearing_state state = hearing_state_of(status->core, pool);
    if (state == HEARING_NOTHING || state == HEARING_ON)
        return;
    if (state == HEARING_DEAF) {
        text_add(text, "hears nothing until the run on session %u has ended, and no other can listen",
                 pool->hearing.session.index + 1);
        return;
    }
    text_add(text,
             "not listening for %s: ", DURATION_GLANCE(mono_since(status->now, pool->hearing.off_since)));
    if (state == HEARING_STANDBY)
        text_add(text, "the server is a standby; a session listens once it is the primary");
    else if (state == HEARING_POOLED)
        text_add(text, "a connection pooler is in between, which gives notifications to others; write a "
                       "conninfo that goes straight to the database");
    else
        add_why(status, pool, text);
}

void status_wake(const struct status *status, const struct core_task *task, struct text *text) {
    const struct wake *wake = task->definition->wake;
    const struct core_pool *pool = &status->core->pools[task->pool];
    enum hearing_state state = hearing_state_of(status->core, pool);
    if (!wake)
        return;
    if (state == HEARING_NOTHING || state == HEARING_ON) {
        text_add(text, "waits for ");
        for (uint32_t i = 0; i < wake->channel_count; i++)
            text_add(text, "%s%s", i ? ", " : "", wake->channels[i]);
    } else {
        text_add(text, "not woken now: [pool %s] ", pool->settings->name);
        status_hearing(status, pool, text);
    }
}
