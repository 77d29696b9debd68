/*
 * Another daemon by our name: on another host with the same tasks it is the same service, and shares them
 * with us. With other tasks it is another file, which should have another name.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "scheduler/daemon/state.h"
#include "tasks/duration.h"

/* Asked this often, when records are written anyway. */
#define ASK_EVERY_US (10 * US_PER_S)

void namesake_ask(const struct daemon *daemon, struct history *history, struct history_question *request,
                  char text[static NAMESAKE_TEXT_BYTES]) {
    const struct core *core = daemon->core;
    history->meeting = history->restoring || core->now.us >= history->meet_at.us;
    if (!history->meeting)
        return;
    history->meet_at = mono_add(core->now, ASK_EVERY_US);
    snprintf(text, NAMESAKE_TEXT_BYTES, "%016" PRIx64, daemon->work_hash);
    request->meets = text;
}

/* "app01:/srv/b.ini (seen 2.0s ago)" */
void namesake_take(const json_t *row, char *shared, size_t bytes) {
    char ago[DURATION_TEXT_BYTES];
    const char *name = json_string_value(json_object_get(row, "other"));
    int64_t seen_s = json_integer_value(json_object_get(row, "seen_s"));
    int64_t seen_us = seen_s > 0 && seen_s < 3653 * US_PER_DAY / US_PER_S ? seen_s * US_PER_S : 0;
    if (name)
        snprintf(shared, bytes, "%s (seen %s ago)", name, duration_glance(seen_us, ago));
}

static size_t name_length(const char *shared) {
    const char *end = strstr(shared, " (seen ");
    return end ? (size_t)(end - shared) : strlen(shared);
}

/* Told when it is another one than before. */
void namesake_note(struct daemon *daemon, uint32_t pool, const char *shared) {
    struct history *history = daemon->histories[pool];
    size_t length = name_length(shared);
    bool told = length == name_length(history->shared) && strncmp(shared, history->shared, length) == 0;
    snprintf(history->shared, sizeof history->shared, "%s", shared);
    if (*shared && !told)
        LOG(&daemon->log, LOG_WARNING, "name_shared", log_text("pool", daemon->pools[pool]->name),
            log_text("name", daemon->core->set->daemon.name), log_text("by", shared),
            log_text("effect", "its tasks are others, and of those with the same name one of the two runs "
                               "what is due"),
            log_text("advice", "write another name into [headgate] of one of the files; for two hosts of one "
                               "service, give both the same tasks"));
}
