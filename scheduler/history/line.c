#include "scheduler/history/line.h"

#include <inttypes.h>
#include <time.h>

#include "scheduler/core/skip_words.h"

static void add_string(struct text *line, const char *name, const char *value) {
    text_add(line, "\"%s\":", name);
    text_add_json(line, value);
    text_add_bytes(line, ",", 1);
}

static void add_number(struct text *line, const char *name, int64_t value) {
    text_add(line, "\"%s\":%" PRId64 ",", name, value);
}

/* The division rounds down also before 1970, so that the microseconds are never negative. */
static void add_instant(struct text *line, const char *name, struct wall at) {
    int64_t seconds = at.us / US_PER_S - (at.us % US_PER_S < 0);
    time_t time = (time_t)seconds;
    struct tm utc;
    gmtime_r(&time, &utc);
    text_add(line, "\"%s\":\"%04d-%02d-%02dT%02d:%02d:%02d.%06dZ\",", name, utc.tm_year + 1900,
             utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
             (int)(at.us - seconds * US_PER_S));
}

/* Of a range of a calendar, its instants. */
static void add_dues(struct text *line, const struct record *record) {
    if (record->schedule->kind != SCHEDULE_CALENDAR || record->occurrence_count == 0)
        return;
    text_add(line, "\"dues\":\"");
    schedule_add_dues(record->schedule, record->key_first, record->key_last, line);
    text_add(line, "\",");
}

static const char *outcome_of(const struct record *record) {
    switch (record->outcome) {
    case OUTCOME_OK: return "ok";
    case OUTCOME_NOTHING: return record->said_no && record->attempt_count == 1 ? "released" : "ok";
    case OUTCOME_UNKNOWN: return "unknown";
    case OUTCOME_SKIPPED: return record->skip == SKIP_DRAIN ? "released" : skip_outcome(record->skip);
    default: return "failed";
    }
}

static const char *reason_of(const struct record *record) {
    switch (record->outcome) {
    case OUTCOME_OK: return skip_rest_reason(record->rest);
    case OUTCOME_NOTHING: return record->said_no ? "its guard (when) said no" : "its read gave no row";
    case OUTCOME_TIMEOUT: return "timeout";
    case OUTCOME_CANCELLED:
        return record->shut_out ? "cancelled: its window has closed"
                                : "cancelled: the daemon was told to stop";
    case OUTCOME_SKIPPED: return skip_reason(record->skip);
    default: return record->woken && record->occurrence_count == 0 ? REASON_WOKEN : NULL;
    }
}

void line_compose(struct text *line, const struct record *record, const char *task, const char *message,
                  const char *released, const char *life) {
    text_clear(line);
    text_add(line, "{");
    add_string(line, "service", record->service);
    add_string(line, "task", task);
    add_instant(line, "due", record->key_first);
    add_instant(line, "due_until", record->key_last);
    add_number(line, "every_us", schedule_pace_us(record->schedule));
    add_dues(line, record);
    add_number(line, "occurrences", record->occurrence_count);
    add_string(line, "outcome", outcome_of(record));
    add_string(line, "reason", reason_of(record));
    add_string(line, "message", message && *message ? message : NULL);
    add_string(line, "daemon", life);
    if (released)
        text_add(line, "\"released\":%s,", released);
    if (record->outcome != OUTCOME_SKIPPED) {
        add_instant(line, "started", record->started);
        add_instant(line, "finished", (struct wall){record->started.us + record->took_us});
        add_number(line, "lateness_us", record->lateness_us);
        add_number(line, "attempts", record->attempt_count);
        if (record->has_rows)
            add_number(line, "rows", (int64_t)record->row_count);
        if (record->bite_count)
            add_number(line, "bites", record->bite_count);
        add_number(line, "tokens", record->tokens);
        add_number(line, "session_us", record->session_us);
        add_number(line, "outside_us", record->outside_us);
    }
    text_add(line, "\"transactional\":%s,\"claiming\":%s}", record->within ? "true" : "false",
             record->claiming ? "true" : "false");
}
