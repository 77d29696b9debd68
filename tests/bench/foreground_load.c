/* The load of tests/bench/foreground, which starts it: once as the application (open loop: what comes does
 * not wait for what is slow, and latency counts from the instant at which a request was due), once as
 * background work done the way that made the incident (every due task at once, on a session of its own), once
 * as the eye on the server. */
#include "load_monitor.h"
#include "load_plan.h"
#include "load_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define S_US        INT64_C(1000000)
#define WARM_UP_US  (3 * S_US)
#define DEADLINE_US (1 * S_US)
#define EMPLOYEES   "200"

/* The background goes on for this long after the end, so that its last occurrences are run, too. */
#define TAIL_US (1 * S_US)

/* And for this long what is under way may take to end. */
#define GRACE_US (4 * S_US)

struct load {
    struct plan plan;
    struct load_tasks tasks; /* the background's */
    bool *busy;              /* by task: its previous run is not over */
    FILE *failures;          /* one line a run that failed */
    int64_t from_us, to_us;  /* what arrives in between is counted */
    size_t counts[LOAD_OUTCOME_COUNT], merged_count, counted;
    int64_t *latencies_us, *lags_us;
    size_t latency_count, lag_count;
};

static int64_t wall_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * S_US + now.tv_nsec / 1000;
}

static bool counts(const struct load *load, size_t job) {
    return load->plan.arrivals[job].at_us >= load->from_us && load->plan.arrivals[job].at_us < load->to_us;
}

/* --- the two kinds of job --- */

/* A page of the office: what happened, what is new, and a message to a colleague. */
static bool send_request(void *context, PGconn *conn, size_t job, int step) {
    static const char *const statements[] = {
        "SELECT id, at, kind, detail FROM office.activity WHERE employee_id = $1::int ORDER BY at DESC LIMIT "
        "20",
        "SELECT id, body FROM office.notifications WHERE employee_id = $1::int ORDER BY created_at DESC "
        "LIMIT 10",
        "INSERT INTO office.messages (channel, sender_id, recipient_id, body)"
        " VALUES ('chat', $1::int, $1::int % " EMPLOYEES " + 1, 'Can you have a look?')"};
    struct load *load = context;
    char who[16];
    snprintf(who, sizeof who, "%u", load->plan.arrivals[job].who);
    return PQsendQueryParams(conn, statements[step], 1, NULL, (const char *[]){who}, NULL, NULL, 0) == 1;
}

static bool send_run(void *context, PGconn *conn, size_t job, int step) {
    struct load *load = context;
    (void)step;
    return PQsendQuery(conn, load->tasks.list[load->plan.arrivals[job].who].sql) == 1;
}

/* An error took as long as the deadline at least, whenever the application learned of it. */
static void request_finished(void *context, size_t job, enum load_outcome outcome, int64_t now_us) {
    struct load *load = context;
    if (!counts(load, job))
        return;
    int64_t latency_us = now_us - load->plan.arrivals[job].at_us;
    load->counts[outcome]++;
    load->latencies_us[load->latency_count++] = outcome == LOAD_OK ? latency_us : DEADLINE_US;
}

static void run_finished(void *context, size_t job, enum load_outcome outcome, int64_t now_us) {
    struct load *load = context;
    const struct arrival *arrival = &load->plan.arrivals[job];
    (void)now_us;
    load->busy[arrival->who] = false;
    if (outcome != LOAD_OK)
        fprintf(load->failures, "%s\t%ld\n", load->tasks.list[arrival->who].name, (long)arrival->at_us);
    if (counts(load, job))
        load->counts[outcome]++;
}

/* --- the loop --- */

/* A task never runs beside itself, here as in headgate: what is due meanwhile is merged. */
static void arrive(struct load *load, struct load_pool *pool, size_t job, int64_t now_us) {
    struct arrival *arrival = &load->plan.arrivals[job];
    if (counts(load, job)) {
        load->counted++;
        load->lags_us[load->lag_count++] = now_us - arrival->at_us;
    }
    if (load->busy && load->busy[arrival->who]) {
        load->merged_count += counts(load, job);
        return;
    }
    if (load->busy)
        load->busy[arrival->who] = true;
    load_pool_submit(pool, job, arrival->at_us, now_us);
}

static void wait_for_sessions(struct load_pool *pool, int64_t until_us) {
    struct pollfd fds[LOAD_SESSIONS_MOST];
    int places[LOAD_SESSIONS_MOST];
    int count = load_pool_poll_set(pool, fds, places);
    int64_t wait_us = until_us - wall_us();
    struct timespec timeout = {.tv_sec = wait_us / S_US, .tv_nsec = wait_us % S_US * 1000};
    if (wait_us < 0)
        timeout = (struct timespec){0};
    if (ppoll(fds, (nfds_t)count, &timeout, NULL) > 0)
        load_pool_polled(pool, fds, places, count, wall_us());
}

static void drive(struct load *load, struct load_pool *pool) {
    size_t next = 0;
    int64_t give_up_us = load->to_us + GRACE_US;
    while (next < load->plan.count || !load_pool_quiet(pool)) {
        int64_t now_us = wall_us();
        if (now_us > give_up_us)
            return;
        while (next < load->plan.count && load->plan.arrivals[next].at_us <= now_us) {
            arrive(load, pool, next++, now_us);
            now_us = wall_us();
        }
        int64_t until_us = load_pool_tick(pool, now_us);
        if (next < load->plan.count && load->plan.arrivals[next].at_us < until_us)
            until_us = load->plan.arrivals[next].at_us;
        wait_for_sessions(pool, until_us < give_up_us ? until_us : give_up_us);
    }
}

/* --- what is printed: one line of name=number --- */

static int by_size(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static long quantile(int64_t *list, size_t count, unsigned permille) {
    if (!count)
        return 0;
    qsort(list, count, sizeof *list, by_size);
    size_t rank = (count * permille + 999) / 1000;
    return (long)list[rank ? rank - 1 : 0];
}

static long cpu_permille(const struct load *load) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    int64_t used_us = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * S_US + usage.ru_utime.tv_usec +
                      usage.ru_stime.tv_usec;
    return (long)(used_us * 1000 / (load->to_us - load->from_us + WARM_UP_US));
}

static void report(struct load *load, const struct load_pool *pool) {
    size_t ended = load->merged_count;
    for (int i = 0; i < LOAD_OUTCOME_COUNT; i++)
        ended += load->counts[i];
    printf(
        "arrived=%zu ok=%zu refused=%zu sql_error=%zu too_late=%zu no_session=%zu unfinished=%zu merged=%zu ",
        load->counted, load->counts[LOAD_OK], load->counts[LOAD_REFUSED], load->counts[LOAD_SQL_ERROR],
        load->counts[LOAD_TOO_LATE], load->counts[LOAD_NO_SESSION], load->counted - ended,
        load->merged_count);
    printf("p50_us=%ld ", quantile(load->latencies_us, load->latency_count, 500));
    printf("p99_us=%ld ", quantile(load->latencies_us, load->latency_count, 990));
    printf("lag_p99_us=%ld ", quantile(load->lags_us, load->lag_count, 990));
    printf("cpu_permille=%ld peak=%d\n", cpu_permille(load), pool->peak_count);
    if (pool->first_error[0])
        fprintf(stderr, "first error: %s\n", pool->first_error);
}

static void run(struct load *load, struct load_pool_options *options) {
    load->latencies_us = calloc(load->plan.count + 1, sizeof *load->latencies_us);
    load->lags_us = calloc(load->plan.count + 1, sizeof *load->lags_us);
    if (!load->latencies_us || !load->lags_us)
        abort();
    static struct load_pool pool;
    options->context = load;
    load_pool_init(&pool, options, load->plan.count);
    drive(load, &pool);
    report(load, &pool);
    load_pool_finish(&pool);
    plan_finish(&load->plan);
    load_tasks_finish(&load->tasks);
    free(load->latencies_us);
    free(load->lags_us);
    free(load->busy);
}

/* --- the command line --- */

static int usage(void) {
    fputs("usage: foreground_load foreground CONNINFO START SECONDS steady|bursts\n"
          "       foreground_load background CONNINFO START SECONDS KEEP OVERFLOW TASKS_FILE FAILURES_FILE\n"
          "       foreground_load monitor    CONNINFO START SECONDS\n"
          "START is in seconds since 1970; SECONDS are counted after a warm-up of 3\n",
          stderr);
    return 2;
}

static int run_foreground(struct load *load, const char *conninfo, char **arguments) {
    plan_requests(&load->plan, load->from_us - WARM_UP_US, load->to_us, strcmp(arguments[0], "bursts") == 0);
    run(load, &(struct load_pool_options){.conninfo = conninfo,
                                          .keep = 5,
                                          .most = 60,
                                          .surplus_us = 5 * S_US,
                                          .deadline_us = DEADLINE_US,
                                          .steps = 3,
                                          .send = send_request,
                                          .finished = request_finished});
    return 0;
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
                                          .steps = 1,
                                          .send = send_run,
                                          .finished = run_finished});
    return fclose(load->failures) == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
    if (argc < 5)
        return usage();
    const char *mode = argv[1], *conninfo = argv[2];
    struct load load = {.from_us = strtol(argv[3], NULL, 10) * S_US + WARM_UP_US};
    load.to_us = load.from_us + strtol(argv[4], NULL, 10) * S_US;
    if (load.to_us <= load.from_us)
        return usage();
    if (strcmp(mode, "foreground") == 0 && argc == 6)
        return run_foreground(&load, conninfo, argv + 5);
    if (strcmp(mode, "background") == 0 && argc == 9)
        return run_background(&load, conninfo, argv + 5);
    if (strcmp(mode, "monitor") == 0 && argc == 5)
        return load_monitor_run(conninfo, load.from_us, load.to_us);
    return usage();
}
