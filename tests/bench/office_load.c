/* The load of tests/bench/office, which starts it as the application: alone, or with the background's units
 * of work in the same pool, as in the incident. A unit is a read, a call of something outside the database,
 * and a write; its session is held during the call, or given back. */
#include "load_drive.h"
#include "load_request.h"
#include "load_tally.h"
#include "load_timers.h"
#include "office_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S_US       INT64_C(1000000)
#define WARM_UP_US (3 * S_US)

/* A job waits in line for this long, and a request that takes longer is an error, too. */
#define WAIT_US (3 * S_US)

/* Units come for this long after the end, so that its last requests meet them, too. */
#define TAIL_US (1 * S_US)

/* And for this long what is under way may take to end. */
#define GRACE_US (4 * S_US)

/* In an arrival's `who`: a unit's index is the rest. Else it is a request. */
#define UNIT UINT32_C(0x80000000)

/* One piece of work. It never runs beside itself: what is due meanwhile is merged. */
struct unit {
    bool busy;
    struct office_call call;
    int64_t outside_us;
};

/* Jobs of the pool are arrivals; a unit that is to write after it gave its session back is `its arrival + the
 * plan's count`. */
struct load {
    struct plan plan;
    struct load_tasks tasks; /* the units: their number, interval and read */
    struct unit *units;
    bool held;
    struct load_timers calls; /* by arrival: those of units that gave their session back */
    FILE *failures;
    int64_t from_us, to_us; /* requests that arrive in between are counted */
    struct load_tally tally;
    struct load_pool pool;
};

static size_t arrival_of(const struct load *load, size_t job) {
    return job % load->plan.count;
}

static bool is_unit(const struct load *load, size_t job) {
    return load->plan.arrivals[arrival_of(load, job)].who & UNIT;
}

static uint32_t unit_of(const struct load *load, size_t job) {
    return load->plan.arrivals[arrival_of(load, job)].who & ~UNIT;
}

static bool counts(const struct load *load, size_t request) {
    int64_t at_us = load->plan.arrivals[request].at_us;
    return at_us >= load->from_us && at_us < load->to_us;
}

/* --- a unit's statements --- */

static enum load_step send_write(PGconn *conn, const struct unit *unit) {
    char answer[160];
    office_call_answer(&unit->call, unit->outside_us, answer, sizeof answer);
    int sent = PQsendQueryParams(conn, "SELECT bench.answer($1::jsonb)", 1, NULL, (const char *[]){answer},
                                 NULL, NULL, 0);
    return sent == 1 ? LOAD_SENT : LOAD_NOT_SENT;
}

static enum load_step step_held(struct load *load, PGconn *conn, uint32_t who, int step, int64_t now_us,
                                int64_t *ret_until_us) {
    struct unit *unit = &load->units[who];
    switch (step) {
    case 0: return PQsendQuery(conn, load->tasks.list[who].sql) == 1 ? LOAD_SENT : LOAD_NOT_SENT;
    case 1:
        unit->call.begun_us = now_us;
        *ret_until_us = now_us + unit->call.lasts_us;
        return LOAD_HOLD;
    case 2: unit->outside_us = now_us - unit->call.begun_us; return send_write(conn, unit);
    default: return LOAD_OVER;
    }
}

static enum load_step step(void *context, PGconn *conn, size_t job, int step, int64_t now_us,
                           int64_t *ret_until_us) {
    struct load *load = context;
    uint32_t who = unit_of(load, job);
    if (!is_unit(load, job))
        return load_request_step(conn, who, step);
    if (load->held)
        return step_held(load, conn, who, step, now_us, ret_until_us);
    if (step == 1)
        return LOAD_OVER;
    if (job >= load->plan.count)
        return send_write(conn, &load->units[who]);
    return PQsendQuery(conn, load->tasks.list[who].sql) == 1 ? LOAD_SENT : LOAD_NOT_SENT;
}

/* The row of a unit's read, as one JSON text. */
static void take_result(void *context, size_t job, int step, const PGresult *result) {
    struct load *load = context;
    if (!is_unit(load, job) || step != 0 || job >= load->plan.count)
        return;
    if (PQntuples(result) != 1 ||
        !office_call_read(&load->units[unit_of(load, job)].call, PQgetvalue(result, 0, 0))) {
        fputs("a unit's read gave no row with unit, read_us and call_ms\n", stderr);
        exit(1);
    }
}

/* --- how jobs end --- */

static void request_finished(struct load *load, size_t request, enum load_outcome outcome, int64_t now_us) {
    int64_t latency_us = now_us - load->plan.arrivals[request].at_us;
    if (!counts(load, request))
        return;
    if (outcome == LOAD_OK && latency_us > WAIT_US)
        outcome = LOAD_TOO_LATE;
    load_tally_ended(&load->tally, outcome, outcome == LOAD_OK ? latency_us : WAIT_US);
}

static void unit_finished(struct load *load, size_t job, enum load_outcome outcome, int64_t now_us) {
    uint32_t who = unit_of(load, job);
    struct unit *unit = &load->units[who];
    if (outcome == LOAD_OK && !load->held && job < load->plan.count) {
        unit->call.begun_us = now_us;
        load_timers_add(&load->calls, now_us + unit->call.lasts_us, job);
        return;
    }
    unit->busy = false;
    if (outcome != LOAD_OK)
        fprintf(load->failures, "%s\t%ld\t%ld\n", load->tasks.list[who].name,
                (long)load->plan.arrivals[arrival_of(load, job)].at_us, (long)now_us);
}

static void finished(void *context, size_t job, enum load_outcome outcome, int64_t now_us) {
    struct load *load = context;
    if (is_unit(load, job))
        unit_finished(load, job, outcome, now_us);
    else
        request_finished(load, job, outcome, now_us);
}

/* --- what comes --- */

static void arrive(void *context, size_t arrival, int64_t now_us) {
    struct load *load = context;
    int64_t at_us = load->plan.arrivals[arrival].at_us;
    if (is_unit(load, arrival)) {
        struct unit *unit = &load->units[unit_of(load, arrival)];
        if (unit->busy)
            return;
        unit->busy = true;
    } else if (counts(load, arrival)) {
        load_tally_arrived(&load->tally, now_us - at_us);
    }
    load_pool_submit(&load->pool, arrival, at_us, now_us);
}

static int64_t end_calls(void *context, int64_t now_us) {
    struct load *load = context;
    size_t arrival;
    while (load_timers_due(&load->calls, now_us, &arrival)) {
        struct unit *unit = &load->units[unit_of(load, arrival)];
        unit->outside_us = now_us - unit->call.begun_us;
        load_pool_submit(&load->pool, arrival + load->plan.count, now_us, now_us);
    }
    return load_timers_next_us(&load->calls);
}

/* Requests are the same whatever else there is. */
static void plan(struct load *load) {
    int64_t start_us = load->from_us - WARM_UP_US;
    plan_occurrences(&load->plan, &load->tasks, start_us, load->to_us + TAIL_US);
    for (size_t i = 0; i < load->plan.count; i++)
        load->plan.arrivals[i].who |= UNIT;
    plan_requests(&load->plan, start_us, load->to_us, false);
    plan_sort(&load->plan);
}

static void run(struct load *load, const char *conninfo, int keep, int overflow) {
    plan(load);
    load_tally_init(&load->tally, load->plan.count);
    load_pool_init(&load->pool,
                   &(struct load_pool_options){.conninfo = conninfo,
                                               .keep = keep,
                                               .most = keep + overflow,
                                               .wait_us = WAIT_US,
                                               .step = step,
                                               .result = take_result,
                                               .finished = finished,
                                               .context = load},
                   2 * load->plan.count);
    load_drive(&(struct load_drive){.plan = &load->plan,
                                    .pool = &load->pool,
                                    .give_up_us = load->to_us + GRACE_US,
                                    .context = load,
                                    .arrive = arrive,
                                    .other = end_calls});
    load_tally_print(&load->tally, &load->pool, load->to_us - load->from_us + WARM_UP_US);
}

static void finish(struct load *load) {
    load_pool_finish(&load->pool);
    load_tally_finish(&load->tally);
    load_timers_finish(&load->calls);
    plan_finish(&load->plan);
    load_tasks_finish(&load->tasks);
    free(load->units);
}

/* --- the command line --- */

static int usage(void) {
    fputs("usage: office_load CONNINFO START SECONDS KEEP OVERFLOW [held|released UNITS_FILE FAILURES_FILE]\n"
          "START is in seconds since 1970; SECONDS are counted after a warm-up of 3\n",
          stderr);
    return 2;
}

static bool read_units(struct load *load, char **arguments) {
    load->held = strcmp(arguments[0], "held") == 0;
    if (!load_tasks_read(&load->tasks, arguments[1]))
        return false;
    load->units = calloc(load->tasks.count + 1, sizeof *load->units);
    load->failures = fopen(arguments[2], "w");
    if (!load->units || !load->failures)
        abort();
    return true;
}

int main(int argc, char **argv) {
    if (argc != 6 && argc != 9)
        return usage();
    static struct load load;
    load.from_us = strtol(argv[2], NULL, 10) * S_US + WARM_UP_US;
    load.to_us = load.from_us + strtol(argv[3], NULL, 10) * S_US;
    int keep = (int)strtol(argv[4], NULL, 10), overflow = (int)strtol(argv[5], NULL, 10);
    if (load.to_us <= load.from_us || keep < 0 || overflow < 0 || keep + overflow > LOAD_SESSIONS_MOST ||
        (argc == 9 && !read_units(&load, argv + 6)))
        return usage();
    run(&load, argv[1], keep, overflow);
    finish(&load);
    return !load.failures || fclose(load.failures) == 0 ? 0 : 1;
}
