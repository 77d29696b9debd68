#include "scheduler/daemon/feed.h"

#include <string.h>

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

/* Of several channels that were heard at once, the one that wakes the task. */
static bool is_first_of(const struct channels *channels, const struct wake *wake, const char *name) {
    for (uint32_t i = 0; i < wake->channel_count && strcmp(wake->channels[i], name) != 0; i++) {
        const struct channel *before = channels_find(channels, wake->channels[i]);
        if (before && before->taken)
            return false;
    }
    return true;
}

/* Each task that is woken by what was heard, whoever heard it. */
static void feed_heard(struct daemon *daemon) {
    const struct taskset *set = daemon->core->set;
    for (uint32_t pool = 0; pool < daemon->pool_count; pool++) {
        struct channels *channels = &daemon->pools[pool]->channels;
        struct wakes wakes = wakes_of_pool(set->wakes, pool);
        if (!channels_take(channels))
            continue;
        for (uint32_t i = 0; i < wakes.count; i++) {
            const struct wake_entry *entry = &wakes.items[i];
            const struct channel *channel = channels_find(channels, entry->channel);
            if (channel && channel->taken &&
                is_first_of(channels, set->tasks[entry->task].wake, entry->channel))
                feed_event(daemon, &(struct event){.kind = EVENT_WAKE, .task = entry->task});
        }
    }
}

void feed_message(struct daemon *daemon, struct message *message) {
    const struct failure *failure = message->failure;
    if (message->event.kind == EVENT_WAKE) {
        feed_heard(daemon);
        return;
    }
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
