#include "scheduler/daemon/inbox.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/daemon/footing.h"
#include "tasks/text.h"

static struct message *add(struct inbox *inbox, const struct event *event) {
    if (inbox->count == inbox->capacity) {
        inbox->capacity = inbox->capacity ? inbox->capacity * 2 : 64;
        inbox->items = realloc(inbox->items, inbox->capacity * sizeof *inbox->items);
        if (!inbox->items)
            abort();
    }
    struct message *message = &inbox->items[inbox->count++];
    *message = (struct message){.event = *event};
    return message;
}

void inbox_add(struct inbox *inbox, const struct event *event) {
    add(inbox, event);
}

static void *copy(const void *bytes, size_t bytes_count) {
    void *copied = malloc(bytes_count);
    if (!copied)
        abort();
    return memcpy(copied, bytes, bytes_count);
}

static char *copy_text(const char *text) {
    return text ? text_copy(text) : NULL;
}

static struct failure *copy_failure(const struct failure *failure) {
    struct failure *copied = copy(failure, sizeof *failure);
    copied->message = copy_text(failure->message);
    copied->detail = copy_text(failure->detail);
    copied->hint = copy_text(failure->hint);
    copied->context = copy_text(failure->context);
    copied->output = copy_text(failure->output);
    return copied;
}

static struct event event_of(const struct report *report) {
    static const enum event_kind kinds[] = {
        [REPORT_SESSION_OPENED] = EVENT_SESSION_OPENED,
        [REPORT_SESSION_FAILED] = EVENT_SESSION_FAILED,
        [REPORT_SESSION_READY] = EVENT_SESSION_READY,
        [REPORT_SESSION_BROKEN] = EVENT_SESSION_BROKEN,
        [REPORT_SESSION_GONE] = EVENT_SESSION_GONE,
        [REPORT_SAMPLED] = EVENT_SAMPLED,
        [REPORT_HISTORY] = EVENT_HISTORY,
        [REPORT_LISTENS] = EVENT_LISTENS,
        [REPORT_CHANNELS] = EVENT_CHANNELS,
        [REPORT_HEARD] = EVENT_WAKE,
        [REPORT_RUN_COMMITS] = EVENT_RUN_COMMITS,
        [REPORT_RUN_UNSENT] = EVENT_RUN_UNSENT,
        [REPORT_RUN_ENDED] = EVENT_RUN_ENDED,
    };
    struct event event = {.kind = kinds[report->kind], .session = report->session, .run = report->run};
    if (report->kind == REPORT_SESSION_FAILED)
        event.failed.failure = report->connect_failure;
    if (report->kind == REPORT_SESSION_READY)
        event.ready.breach = report->ready.breach;
    if (report->kind == REPORT_SAMPLED)
        event.sample = copy(report->sample, sizeof *report->sample);
    if (report->kind == REPORT_HISTORY)
        event.history.failed_for_long = report->history.locked;
    if (report->kind == REPORT_LISTENS) {
        event.listens.failed = report->listens.failed;
        event.listens.anew = report->listens.anew;
    }
    if (report->kind == REPORT_CHANNELS)
        event.channels.missing = report->channels.missing;
    if (report->kind == REPORT_RUN_ENDED)
        event.ended = report->ended;
    return event;
}

void inbox_report(void *inbox, const struct report *report, const struct failure *failure) {
    struct event event = event_of(report);
    struct message *message = add(inbox, &event);
    if (report->kind == REPORT_SESSION_OPENED || report->kind == REPORT_SESSION_FAILED)
        footing_stands();
    if (report->kind == REPORT_HISTORY)
        message->answer = copy_text(report->history.answer);
    if (failure)
        message->failure = copy_failure(failure);
}

bool inbox_is_empty(const struct inbox *inbox) {
    return inbox->next == inbox->count;
}

bool inbox_take(struct inbox *inbox, struct message *ret) {
    if (inbox_is_empty(inbox))
        return false;
    *ret = inbox->items[inbox->next++];
    if (inbox_is_empty(inbox))
        inbox->next = inbox->count = 0;
    return true;
}

void message_finish(struct message *message) {
    struct failure *failure = message->failure;
    if (message->event.kind == EVENT_SAMPLED)
        free((void *)message->event.sample);
    free(message->answer);
    if (!failure)
        return;
    free((char *)failure->message);
    free((char *)failure->detail);
    free((char *)failure->hint);
    free((char *)failure->context);
    free((char *)failure->output);
    free(failure);
}

void inbox_finish(struct inbox *inbox) {
    for (struct message message; inbox_take(inbox, &message);)
        message_finish(&message);
    free(inbox->items);
    *inbox = (struct inbox){0};
}
