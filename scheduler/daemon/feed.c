#include "scheduler/daemon/feed.h"

#include "scheduler/daemon/log_events.h"
#include "scheduler/daemon/perform.h"
#include "scheduler/daemon/state.h"
#include "scheduler/now.h"

static void step(struct daemon *daemon, struct event *event, const struct failure *failure) {
    struct actions actions;
    event->now = now_mono();
    event->wall = now_wall();
    daemon->core_has_more = core_step(daemon->core, event, &actions);
    perform(daemon, &actions, failure);
}

/* What the history knows of the tasks comes first: the event itself lets their pool begin. Returns why it
 * could not be asked, or NULL. */
static const struct failure *feed_history(struct daemon *daemon, struct message *message) {
    const struct core_session *session = core_session(daemon->core, message->event.session);
    struct history *history = session ? histories_of(&daemon->histories, session->pool) : NULL;
    struct reply reply = {0};
    if (!history)
        return message->failure;
    const struct failure *failure =
        history_take(history, message->answer, message->failure, &message->event, &reply);
    for (uint32_t i = 0; i < reply.count; i++) {
        struct reply_row *row = &reply.rows[i];
        if (row->event.kind == EVENT_RESOLVED)
            log_resolved(daemon, row->task, row->due, &row->event);
        if (row->event.task != TASKSET_NONE)
            step(daemon, &row->event, NULL);
    }
    reply_finish(&reply);
    return failure;
}

void feed_message(struct daemon *daemon, struct message *message) {
    const struct failure *failure = message->failure;
    perform_news(daemon, &message->event, failure);
    if (message->event.kind == EVENT_HISTORY)
        failure = feed_history(daemon, message);
    step(daemon, &message->event, failure);
}

void feed_event(struct daemon *daemon, const struct event *event) {
    struct event copy = *event;
    step(daemon, &copy, NULL);
}

void feed_tick(struct daemon *daemon) {
    feed_event(daemon, &(struct event){.kind = EVENT_TICK});
}
