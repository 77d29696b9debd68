/* Samples the server's sessions, on one session of its own that takes a slot, too. */
#include "load_monitor.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define EVERY_US 100000
#define OFF_US   30000 /* most tasks are due at a round instant: look soon after it */

static const char sample_sql[] = "SELECT count(*) FILTER (WHERE application_name = 'bench background' OR "
                                 "application_name LIKE 'headgate%'),"
                                 " count(*) FILTER (WHERE application_name = 'bench foreground'),"
                                 " current_setting('max_connections')::int - "
                                 "current_setting('superuser_reserved_connections')::int - count(*)"
                                 " FROM pg_stat_get_activity(NULL) WHERE backend_type = 'client backend'";

struct tally {
    long count, background_sum, background_peak, foreground_peak, free_least;
};

static void wait_until(int64_t at_us) {
    struct timespec at = {.tv_sec = at_us / 1000000, .tv_nsec = at_us % 1000000 * 1000};
    while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL) != 0)
        ;
}

static long number(const PGresult *result, int column) {
    return strtol(PQgetvalue(result, 0, column), NULL, 10);
}

static void add(struct tally *tally, const PGresult *result) {
    long background = number(result, 0), foreground = number(result, 1), free_now = number(result, 2);
    tally->count++;
    tally->background_sum += background;
    if (background > tally->background_peak)
        tally->background_peak = background;
    if (foreground > tally->foreground_peak)
        tally->foreground_peak = foreground;
    if (tally->count == 1 || free_now < tally->free_least)
        tally->free_least = free_now;
}

int load_monitor_run(const char *conninfo, int64_t from_us, int64_t to_us) {
    struct tally tally = {0};
    PGconn *conn = PQconnectdb(conninfo);
    for (int64_t at_us = from_us + OFF_US; at_us < to_us && PQstatus(conn) == CONNECTION_OK;
         at_us += EVERY_US) {
        wait_until(at_us);
        PGresult *result = PQexec(conn, sample_sql);
        if (PQresultStatus(result) == PGRES_TUPLES_OK)
            add(&tally, result);
        PQclear(result);
    }
    if (!tally.count)
        fprintf(stderr, "monitor: %s", PQerrorMessage(conn));
    else
        printf("samples=%ld background_peak=%ld background_mean_permille=%ld foreground_peak=%ld "
               "free_least=%ld\n",
               tally.count, tally.background_peak, tally.background_sum * 1000 / tally.count,
               tally.foreground_peak, tally.free_least);
    PQfinish(conn);
    return tally.count ? 0 : 1;
}
