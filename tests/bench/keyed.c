/*
 * What a statement before each run costs, without headgate: one-row inserts, 32 of them in flight on one
 * connection, each with DISCARD ALL behind it.
 *
 *     keyed CONNINFO RUNS [STATEMENT]      prints runs per second
 *
 * STATEMENT has $1, the name of a task (text), and $2, its due instant (timestamptz). The table: drain
 * (source int).
 */
#include <endian.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define IN_FLIGHT 32
#define TASKS     2000

enum { TYPE_TEXT = 25, TYPE_TIMESTAMPTZ = 1184 };

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void fail(PGconn *conn) {
    fputs(PQerrorMessage(conn), stderr);
    exit(1);
}

static void send_query(PGconn *conn, const char *sql) {
    if (!PQsendQueryParams(conn, sql, 0, NULL, NULL, NULL, NULL, 0))
        fail(conn);
}

static void send_sync(PGconn *conn) {
    if (!PQpipelineSync(conn))
        fail(conn);
}

/* Other keys than those of other processes. */
static void send_key(PGconn *conn, const char *statement, long run) {
    char task[20];
    snprintf(task, sizeof task, "%d-%ld", (int)getpid(), run % TASKS);
    uint64_t due = htobe64((uint64_t)run * 1000000);
    const char *values[] = {task, (const char *)&due};
    if (!PQsendQueryParams(conn, statement, 2, (Oid[]){TYPE_TEXT, TYPE_TIMESTAMPTZ}, values,
                           (int[]){0, sizeof due}, (int[]){0, 1}, 0))
        fail(conn);
}

static void send_run(PGconn *conn, const char *statement, long run) {
    if (statement)
        send_key(conn, statement, run);
    send_query(conn, "/* headgate task=t */ INSERT INTO drain (source) VALUES (0)");
    send_sync(conn);
    send_query(conn, "DISCARD ALL");
    send_sync(conn);
}

/* Both of its syncs. */
static void take_run(PGconn *conn) {
    for (int syncs = 0; syncs < 2;) {
        PGresult *result = PQgetResult(conn);
        ExecStatusType status = PQresultStatus(result); /* of NULL, which ends a statement: an error */
        if (result && status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK &&
            status != PGRES_PIPELINE_SYNC)
            fail(conn);
        syncs += result && status == PGRES_PIPELINE_SYNC;
        PQclear(result);
    }
}

int main(int argc, char **argv) {
    if (argc != 3 && argc != 4) {
        fputs("usage: keyed CONNINFO RUNS [STATEMENT]\n", stderr);
        return 2;
    }
    PGconn *conn = PQconnectdb(argv[1]);
    long wanted = strtol(argv[2], NULL, 10), sent = 0;
    if (PQstatus(conn) != CONNECTION_OK || !PQenterPipelineMode(conn))
        fail(conn);
    double begun_s = now_s();
    for (long taken = 0; taken < wanted; taken++) {
        for (; sent < wanted && sent - taken < IN_FLIGHT; sent++)
            send_run(conn, argv[3], sent);
        take_run(conn);
    }
    printf("%.0f\n", (double)wanted / (now_s() - begun_s));
    PQfinish(conn);
    return 0;
}
