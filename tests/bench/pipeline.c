/*
 * How fast sessions alone are, without a core above them: one-row inserts, 32 of them in flight on each.
 *
 *     pipeline CONNINFO RUNS SESSIONS clean|cleaned      prints runs per second
 *
 * clean: nothing is cleaned before the end; cleaned: after each run. The table: drain (source int).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool/session/session.h"
#include "pool/session/session_pool.h"

#define SESSIONS_MAX 64

struct bench {
    uv_loop_t loop;
    struct session_pool *pool;
    struct session *sessions[SESSIONS_MAX];
    uint32_t in_flight[SESSIONS_MAX];
    uint32_t session_count, open_count, started, ended, wanted;
    bool clean;
    uint64_t begun_ns;
};

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static void on_report(void *context, const struct report *report, const struct failure *failure) {
    struct bench *bench = context;
    switch (report->kind) {
    case REPORT_SESSION_OPENED: bench->open_count++; break;
    case REPORT_SESSION_READY: break;
    case REPORT_RUN_ENDED:
        bench->in_flight[report->session.index]--;
        bench->ended++;
        if (report->ended.outcome == OUTCOME_OK)
            break;
        /* fall through */
    default: fail(failure && failure->message ? failure->message : "an unexpected report"); break;
    }
}

static void top_up(struct bench *bench) {
    if (bench->open_count < bench->session_count)
        return;
    if (!bench->begun_ns)
        bench->begun_ns = uv_hrtime();
    struct session_work work = {.run = {0, 1},
                                .sql = "INSERT INTO drain (source) VALUES (0)",
                                .label = "t0001",
                                .transaction = true,
                                .proven = true,
                                .clean = bench->clean};
    for (uint32_t i = 0; i < bench->session_count; i++)
        for (; bench->in_flight[i] < SESSION_RUNS_MAX && bench->started < bench->wanted; bench->in_flight[i]++) {
            work.run.index = bench->started++;
            session_run(bench->sessions[i], &work);
        }
    session_pool_flush(bench->pool);
    if (bench->ended == bench->wanted)
        uv_stop(&bench->loop);
}

static void on_prepare(uv_prepare_t *prepare) {
    top_up(prepare->data);
}

int main(int argc, char **argv) {
    static struct bench bench;
    if (argc != 5)
        fail("usage: pipeline CONNINFO RUNS SESSIONS clean|cleaned");
    struct pool_settings settings = {.name = "bench", .conninfo = argv[1]};
    struct taskset set = {.pools = &settings, .pool_count = 1};
    char *error = NULL;
    bench.wanted = (uint32_t)strtoul(argv[2], NULL, 10);
    bench.session_count = (uint32_t)strtoul(argv[3], NULL, 10) % (SESSIONS_MAX + 1);
    bench.clean = strcmp(argv[4], "clean") == 0;
    uv_loop_init(&bench.loop);
    bench.pool = session_pool_create(&bench.loop, &set, 0, 0, on_report, &bench, &error);
    if (!bench.pool)
        fail(error);
    for (uint32_t i = 0; i < bench.session_count; i++)
        bench.sessions[i] = session_open(bench.pool, (struct handle){i, 1});
    uv_prepare_t prepare;
    uv_prepare_init(&bench.loop, &prepare);
    prepare.data = &bench;
    uv_prepare_start(&prepare, on_prepare);
    uv_run(&bench.loop, UV_RUN_DEFAULT);
    printf("%.0f\n", bench.wanted * 1e9 / (double)(uv_hrtime() - bench.begun_ns));
    return 0;
}
