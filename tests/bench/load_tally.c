/* Counts, and quantiles by sorting at the end: a load's numbers are few. */
#include "load_tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

void load_tally_init(struct load_tally *tally, size_t job_count) {
    *tally = (struct load_tally){.latencies_us = calloc(job_count + 1, sizeof *tally->latencies_us),
                                 .lags_us = calloc(job_count + 1, sizeof *tally->lags_us)};
    if (!tally->latencies_us || !tally->lags_us)
        abort();
}

void load_tally_finish(struct load_tally *tally) {
    free(tally->latencies_us);
    free(tally->lags_us);
    *tally = (struct load_tally){0};
}

void load_tally_arrived(struct load_tally *tally, int64_t lag_us) {
    tally->counted++;
    tally->lags_us[tally->lag_count++] = lag_us;
}

void load_tally_ended(struct load_tally *tally, enum load_outcome outcome, int64_t latency_us) {
    tally->counts[outcome]++;
    tally->latencies_us[tally->latency_count++] = latency_us;
}

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

static long cpu_permille(int64_t lasts_us) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    int64_t used_us = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000) +
                      usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    return (long)(used_us * 1000 / lasts_us);
}

void load_tally_print(struct load_tally *tally, const struct load_pool *pool, int64_t lasts_us) {
    size_t ended = tally->merged_count;
    for (int i = 0; i < LOAD_OUTCOME_COUNT; i++)
        ended += tally->counts[i];
    printf(
        "arrived=%zu ok=%zu refused=%zu sql_error=%zu too_late=%zu no_session=%zu unfinished=%zu merged=%zu ",
        tally->counted, tally->counts[LOAD_OK], tally->counts[LOAD_REFUSED], tally->counts[LOAD_SQL_ERROR],
        tally->counts[LOAD_TOO_LATE], tally->counts[LOAD_NO_SESSION], tally->counted - ended,
        tally->merged_count);
    printf("p50_us=%ld ", quantile(tally->latencies_us, tally->latency_count, 500));
    printf("p99_us=%ld ", quantile(tally->latencies_us, tally->latency_count, 990));
    printf("lag_p99_us=%ld ", quantile(tally->lags_us, tally->lag_count, 990));
    printf("cpu_permille=%ld peak=%d\n", cpu_permille(lasts_us), pool->peak_count);
    if (pool->first_error[0])
        fprintf(stderr, "first error: %s\n", pool->first_error);
}

bool load_tally_write(const struct load_tally *tally, const char *path) {
    FILE *file = fopen(path, "w");
    if (!file)
        return false;
    for (size_t i = 0; i < tally->latency_count; i++)
        fprintf(file, "%ld\n", (long)tally->latencies_us[i]);
    bool failed = ferror(file);
    return fclose(file) == 0 && !failed;
}
