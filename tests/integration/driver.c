#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void copy(char *to, size_t bytes, const char *from) {
    snprintf(to, bytes, "%s", from ? from : "");
}

static void record(void *context, const struct report *report, const struct failure *failure) {
    struct driver *driver = context;
    assert_true(driver->note_count < NOTES_MAX);
    struct note *note = &driver->notes[driver->note_count++];
    *note = (struct note){.kind = report->kind, .session = report->session.index, .run = report->run.index};
    if (failure) {
        note->failed = true;
        memcpy(note->sqlstate, failure->sqlstate, sizeof note->sqlstate);
        copy(note->message, sizeof note->message, failure->message);
    }
    if (report->kind == REPORT_RUN_ENDED) {
        note->outcome = report->ended.outcome;
        note->row_count = report->ended.row_count;
        note->simple = report->ended.simple;
        note->cancelled = report->ended.failure == FAILURE_CANCEL || report->ended.failure == FAILURE_LOCK;
    }
    if (report->kind == REPORT_SESSION_READY)
        note->breach = report->ready.breach;
    if (report->kind == REPORT_SAMPLED)
        note->sample = *report->sample;
}

void driver_start(struct driver *driver, const char *conninfo) {
    static struct task command = {.name = "c", .work = WORK_COMMAND, .pool = 0};
    struct pool_settings settings = {.name = "p", .conninfo = conninfo, .connect_timeout_us = 10000000};
    struct taskset set = {.pools = &settings, .pool_count = 1, .tasks = &command, .task_count = 1};
    char *error = NULL;
    memset(driver, 0, sizeof *driver);
    uv_loop_init(&driver->loop);
    driver->pool = session_pool_create(&driver->loop, &set, 0, 0x1234, record, driver, &error);
    if (!driver->pool)
        fail_msg("%s", error);
}

void driver_finish(struct driver *driver, ...) {
    va_list sessions;
    va_start(sessions, driver);
    for (struct session *session; (session = va_arg(sessions, struct session *));)
        session_forget(session);
    va_end(sessions);
    session_pool_release(driver->pool);
    uv_run(&driver->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&driver->loop), 0);
}

void driver_turn(struct driver *driver) {
    session_pool_flush(driver->pool);
    uv_run(&driver->loop, UV_RUN_NOWAIT);
}

uint32_t driver_count(const struct driver *driver, enum report_kind kind) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < driver->note_count; i++)
        count += driver->notes[i].kind == kind;
    return count;
}

const struct note *driver_wait(struct driver *driver, enum report_kind kind) {
    uint32_t from = driver->note_count;
    for (int64_t since_us = clock_us(); !deadline_passed(since_us);) {
        driver_turn(driver);
        for (uint32_t i = from; i < driver->note_count; i++)
            if (driver->notes[i].kind == kind)
                return &driver->notes[i];
    }
    for (uint32_t i = 0; i < driver->note_count; i++)
        fprintf(stderr, "report %d run %u outcome %d %s\n", driver->notes[i].kind, driver->notes[i].run,
                driver->notes[i].outcome, driver->notes[i].message);
    fail_msg("no report of kind %d came", kind);
    return NULL;
}

const struct note *driver_run_note(const struct driver *driver, uint32_t run) {
    for (uint32_t i = 0; i < driver->note_count; i++)
        if (driver->notes[i].run == run &&
            (driver->notes[i].kind == REPORT_RUN_ENDED || driver->notes[i].kind == REPORT_RUN_UNSENT))
            return &driver->notes[i];
    return NULL;
}

const struct note *driver_wait_run(struct driver *driver, uint32_t run) {
    for (int64_t since_us = clock_us(); !driver_run_note(driver, run) && !deadline_passed(since_us);)
        driver_turn(driver);
    if (!driver_run_note(driver, run))
        fail_msg("run %u did not end", run);
    return driver_run_note(driver, run);
}

struct session *driver_open(struct driver *driver) {
    struct session *session = session_open(driver->pool, (struct handle){driver->session_count++, 1});
    driver_wait(driver, REPORT_SESSION_OPENED);
    return session;
}

uint32_t driver_run(struct driver *driver, struct session *session, const char *sql, int flags) {
    struct session_work work = {
        .run = {++driver->run_count, 1},
        .sql = sql,
        .label = "t",
        .transaction = flags & TRANSACTION,
        .simple = flags & SIMPLE,
        .proven = flags & PROVEN,
        .clean = flags & CLEAN,
        .keeps_plans = flags & KEEPS_PLANS,
    };
    session_run(session, &work);
    return driver->run_count;
}

const struct note *driver_sample(struct driver *driver, struct session *session) {
    session_sample(session);
    return driver_wait(driver, REPORT_SAMPLED);
}
