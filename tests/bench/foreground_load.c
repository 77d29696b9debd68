/* The load of tests/bench/foreground, which starts it: once as the application (open loop: what comes does
 * not wait for what is slow, and latency counts from the instant at which a request was due), once as
 * background work done the way that made the incident (every due task at once, on a session of its own), once
 * as the eye on the server. */
#include "load_drive.h"
#include "load_monitor.h"
#include "load_request.h"
#include "load_tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S_US        INT64_C(1000000)
#define WARM_UP_US  (3 * S_US)
#define DEADLINE_US (1 * S_US)

/* The background goes on for this long after the end, so that its last occurrences are run, too. */
#define TAIL_US (1 * S_US)

/* And for this long what is under way may take to end. */
#define GRACE_US (4 * S_US)

struct load {
    struct plan plan;
    struct load_tasks tasks; /* the background's */
    bool *busy;              /* by task: its previous run is not over; NULL: the application */
    FILE *failures;          /* one line a run that failed */
    const char *latencies;   /* where each is written; NULL: nowhere */
    int64_t from_us, to_us;  /* what arrives in between is counted */
    struct load_tally tally;
    struct load_pool pool;
};

static bool counts(const struct load *load, size_t job) {
    return load->plan.arrivals[job].at_us >= load->from_us && load->plan.arrivals[job].at_us < load->to_us;
}

/* --- the two kinds of job --- */

static enum load_step step_request(void *context, PGconn *conn, size_t job, int step, int64_t now_us,
                                   int64_t *ret_until_us) {
    const struct load *load = context;
    (void)now_us;
    (void)ret_until_us;
    return load_request_step(conn, load->plan.arrivals[job].who, step);
}

static enum load_step step_run(void *context, PGconn *conn, size_t job, int step, int64_t now_us,
                               int64_t *ret_until_us) {
    const struct load *load = context;
    (void)now_us;
    (void)ret_until_us;
    if (step == 1)
        return LOAD_OVER;
    return PQsendQuery(conn, load->tasks.list[load->plan.arrivals[job].who].sql) == 1 ? LOAD_SENT
                                                                                      : LOAD_NOT_SENT;
}

/* An error took as long as the deadline at least, whenever the application learned of it. */
static void request_finished(void *context, size_t job, enum load_outcome outcome, int64_t now_us) {
    struct load *load = context;
    int64_t latency_us = now_us - load->plan.arrivals[job].at_us;
    if (counts(load, job))
        load_tally_ended(&load->tally, outcome, outcome == LOAD_OK ? latency_us : DEADLINE_US);
}

static void run_finished(void *context, size_t job, enum load_outcome outcome, int64_t now_us) {
    struct load *load = context;
    const struct arrival *arrival = &load->plan.arrivals[job];
    load->busy[arrival->who] = false;
    if (outcome != LOAD_OK)
        fprintf(load->failures, "%s\t%ld\n", load->tasks.list[arrival->who].name, (long)arrival->at_us);
    if (counts(load, job))
        load_tally_ended(&load->tally, outcome, now_us - arrival->at_us);
}

/* --- the run --- */

/* A task never runs beside itself, here as in headgate: what is due meanwhile is merged. */
static void arrive(void *context, size_t job, int64_t now_us) {
    struct load *load = context;
    const struct arrival *arrival = &load->plan.arrivals[job];
    if (counts(load, job))
        load_tally_arrived(&load->tally, now_us - arrival->at_us);
    if (load->busy && load->busy[arrival->who]) {
        load->tally.merged_count += counts(load, job);
        return;
    }
    if (load->busy)
        load->busy[arrival->who] = true;
    load_pool_submit(&load->pool, job, arrival->at_us, now_us);
}

/* False when what was measured could not be written. */
static bool run(struct load *load, struct load_pool_options *options) {
    options->context = load;
    load_tally_init(&load->tally, load->plan.count);
    load_pool_init(&load->pool, options, load->plan.count);
    load_drive(&(struct load_drive){.plan = &load->plan,
                                    .pool = &load->pool,
                                    .give_up_us = load->to_us + GRACE_US,
                                    .context = load,
                                    .arrive = arrive});
    load_tally_print(&load->tally, &load->pool, load->to_us - load->from_us + WARM_UP_US);
    bool written = !load->latencies || load_tally_write(&load->tally, load->latencies);
    load_pool_finish(&load->pool);
    load_tally_finish(&load->tally);
    plan_finish(&load->plan);
    load_tasks_finish(&load->tasks);
    free(load->busy);
    return written;
}

/* --- the command line --- */

static int usage(void) {
    fputs("usage: foreground_load foreground CONNINFO START SECONDS steady|bursts LATENCIES_FILE\n"
          "       foreground_load background CONNINFO START SECONDS KEEP OVERFLOW TASKS_FILE FAILURES_FILE\n"
          "       foreground_load monitor    CONNINFO START SECONDS\n"
          "START is in seconds since 1970; SECONDS are counted after a warm-up of 3\n",
          stderr);
    return 2;
}

static int run_foreground(struct load *load, const char *conninfo, char **arguments) {
    plan_requests(&load->plan, load->from_us - WARM_UP_US, load->to_us, strcmp(arguments[0], "bursts") == 0);
    load->latencies = arguments[1];
    bool written = run(load, &(struct load_pool_options){.conninfo = conninfo,
                                                         .keep = 5,
                                                         .most = 60,
                                                         .surplus_us = 5 * S_US,
                                                         .deadline_us = DEADLINE_US,
                                                         .step = step_request,
                                                         .finished = request_finished});
    return written ? 0 : 1;
}

static int run_background(struct load *load, const char *conninfo, char **arguments) {
    int keep = (int)strtol(arguments[0], NULL, 10), overflow = (int)strtol(arguments[1], NULL, 10);
    if (!load_tasks_read(&load->tasks, arguments[2]) || keep < 0 || overflow < 0 ||
        keep + overflow > LOAD_SESSIONS_MOST)
        return usage();
    load->busy = calloc(load->tasks.count + 1, sizeof *load->busy);
    load->failures = fopen(arguments[3], "w");
    if (!load->busy || !load->failures)
        abort();
    plan_occurrences(&load->plan, &load->tasks, load->from_us - WARM_UP_US, load->to_us + TAIL_US);
    run(load, &(struct load_pool_options){.conninfo = conninfo,
                                          .keep = keep,
                                          .most = keep + overflow,
                                          .wait_us = 3 * S_US,
                                          .step = step_run,
                                          .finished = run_finished});
    return fclose(load->failures) == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
    if (argc < 5)
        return usage();
    const char *mode = argv[1], *conninfo = argv[2];
    static struct load load;
    load.from_us = strtol(argv[3], NULL, 10) * S_US + WARM_UP_US;
    load.to_us = load.from_us + strtol(argv[4], NULL, 10) * S_US;
    if (load.to_us <= load.from_us)
        return usage();
    if (strcmp(mode, "foreground") == 0 && argc == 7)
        return run_foreground(&load, conninfo, argv + 5);
    if (strcmp(mode, "background") == 0 && argc == 9)
        return run_background(&load, conninfo, argv + 5);
    if (strcmp(mode, "monitor") == 0 && argc == 5)
        return load_monitor_run(conninfo, load.from_us, load.to_us);
    return usage();
}
