#include "scheduler/history/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/duration.h"

/* The end of the year 9999, the last that four digits can write. And the longest that a run may have taken: a
 * year, so that the sum of many is a number still. */
#define INSTANT_MOST_US (INT64_C(253402300799) * US_PER_S)
#define TOOK_MOST_US    (366 * US_PER_DAY)

/* What was seen longer ago (ten years) is shown as seen now: such a number was never written by us. */
#define SEEN_MOST_S (3653 * US_PER_DAY / US_PER_S)

static const char *string_of(const json_t *row, const char *key) {
    return json_string_value(json_object_get(row, key));
}

/* NULL is 0. False: the server says what no history of ours can hold. */
static bool read_number(const json_t *row, const char *key, int64_t most, int64_t *ret) {
    const json_t *value = json_object_get(row, key);
    *ret = json_is_integer(value) ? json_integer_value(value) : 0;
    return (json_is_integer(value) || !value || json_is_null(value)) && *ret >= 0 && *ret <= most;
}

/* Pairs of instants that ascend. */
static bool read_gaps(const json_t *row, const json_t **ret) {
    size_t i;
    const json_t *gaps = json_object_get(row, "gaps"), *at;
    int64_t before_us = 0;
    *ret = gaps;
    json_array_foreach(gaps, i, at) {
        if (!json_is_integer(at) || json_integer_value(at) < before_us ||
            json_integer_value(at) > INSTANT_MOST_US)
            return false;
        before_us = json_integer_value(at);
    }
    return json_array_size(gaps) % 2 == 0;
}

static bool read_restored(const json_t *row, struct event *event) {
    *event = (struct event){.kind = EVENT_RESTORED};
    return string_of(row, "task") &&
           read_number(row, "answered_us", INSTANT_MOST_US, &event->restored.answered_until.us) &&
           read_number(row, "ahead_us", INSTANT_MOST_US, &event->restored.ahead_until.us) &&
           read_number(row, "ok_count", INT64_MAX, &event->restored.ok_count) &&
           read_number(row, "failed_count", INT64_MAX, &event->restored.failed_count) &&
           read_number(row, "skipped_count", INT64_MAX, &event->restored.skipped_count) &&
           read_number(row, "took_us", TOOK_MOST_US, &event->restored.took_us);
}

/* False: there is nothing to be done about it. */
static bool read_resolved(const json_t *row, struct event *event) {
    const json_t *due_us = json_object_get(row, "due_us"), *until_us = json_object_get(row, "until_us");
    *event = (struct event){.kind = EVENT_RESOLVED};
    event->resolved.due.us = json_integer_value(due_us);
    event->resolved.due_until.us = json_integer_value(until_us);
    event->resolved.ok = strcmp(string_of(row, "outcome"), "ok") == 0;
    return string_of(row, "task") && string_of(row, "due") && json_is_integer(due_us) &&
           json_is_integer(until_us);
}

static void read_shared(const json_t *row, char shared[static REPLY_SHARED_BYTES]) {
    char ago[DURATION_TEXT_BYTES];
    int64_t seen_s = json_integer_value(json_object_get(row, "seen_s"));
    int64_t seen_us = seen_s > 0 && seen_s < SEEN_MOST_S ? seen_s * US_PER_S : 0;
    snprintf(shared, REPLY_SHARED_BYTES, "%s (seen %s ago)", string_of(row, "other"),
             duration_glance(seen_us, ago));
}

/* What a task has answered of those that it comes after; of one that it did not come after then, what ended
 * before the file said so. */
static bool read_answered(const json_t *row, const struct after *after, struct event *event,
                          int64_t *answered_us) {
    const json_t *released = json_object_get(row, "released");
    int64_t last_us, since_us;
    if (!read_number(row, "last_us", INSTANT_MOST_US, &last_us) ||
        !read_number(row, "since_us", INSTANT_MOST_US, &since_us) ||
        (released && !json_is_null(released) && !json_is_object(released)))
        return false;
    event->chain.last.us = last_us;
    for (uint32_t i = 0; after && i < after->count; i++) {
        answered_us[i] = since_us;
        if (json_object_get(released, after->names[i]) &&
            !read_number(released, after->names[i], INSTANT_MOST_US, &answered_us[i]))
            return false;
    }
    event->chain.answered_us = answered_us;
    event->chain.answered_count = after ? after->count : 0;
    return true;
}

static bool take_chain(struct reply *reply, const json_t *row, const struct taskset *set) {
    struct reply_row told = {.task = string_of(row, "task"), .event.kind = EVENT_CHAIN};
    struct chain_told *chain = &told.event.chain;
    if (!told.task || !read_number(row, "ok_us", INSTANT_MOST_US, &chain->ok.us) ||
        !read_number(row, "failed_us", INSTANT_MOST_US, &chain->failed.us))
        return false;
    told.event.task = taskset_find_task(set, told.task);
    if (told.event.task == TASKSET_NONE)
        return true;
    chain->runs_elsewhere = json_is_true(json_object_get(row, "runs_elsewhere"));
    const struct after *after = set->tasks[told.event.task].after;
    int64_t *answered_us = arena_alloc(&reply->arena, (after ? after->count : 1) * sizeof *answered_us);
    bool right = read_answered(row, after, &told.event, answered_us);
    reply->rows[reply->count++] = told;
    return right;
}

/* What a row is about, its fields say: `other` another daemon, `outcome` a run that was unknown,
 * `runs_elsewhere` a task in a chain, else it is what is on record of a task. False: it is none of these. */
static bool take_row(struct reply *reply, const json_t *row, const struct taskset *set) {
    struct reply_row told = {.task = string_of(row, "task"), .due = string_of(row, "due")};
    bool is_told;
    if (string_of(row, "other")) {
        read_shared(row, reply->shared);
        return true;
    }
    if (json_object_get(row, "runs_elsewhere"))
        return take_chain(reply, row, set);
    if (string_of(row, "outcome")) {
        is_told = read_resolved(row, &told.event);
    } else {
        if (!read_restored(row, &told.event) || !read_gaps(row, &told.gaps))
            return false;
        is_told = json_is_integer(json_object_get(row, "answered_us")); /* else nothing is on record of it */
    }
    if (!is_told)
        return true;
    told.event.task = taskset_find_task(set, told.task);
    reply->rows[reply->count++] = told;
    return true;
}

bool reply_read(struct reply *reply, const char *answer, const struct taskset *set) {
    *reply = (struct reply){.json = json_loads(answer, 0, NULL)};
    bool right = json_is_array(reply->json);
    size_t i, j, most = 0;
    const json_t *rows, *row;
    json_array_foreach(reply->json, i, rows) most += json_array_size(rows);
    reply->rows = calloc(most + 1, sizeof *reply->rows);
    if (!reply->rows)
        abort();
    json_array_foreach(reply->json, i, rows) {
        right = right && json_is_array(rows);
        json_array_foreach(rows, j, row) right = right && json_is_object(row) && take_row(reply, row, set);
    }
    if (!right)
        reply_finish(reply);
    return right;
}

void reply_finish(struct reply *reply) {
    json_decref(reply->json);
    free(reply->rows);
    arena_finish(&reply->arena);
    *reply = (struct reply){0};
}
