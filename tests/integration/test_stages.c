/*
 * Staged tasks on the real thing: what is read, worked on and written, whatever the work prints, and what the rest of
 * the daemon feels of it. What is tried again is in test_retries.c.
 */
#include "one_server.h"
#include "sampler.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static struct pgbouncer pgbouncer;

static int start(void **state) {
    (void)state;
    char options[512]; /* what was freed is no use of memory */
    snprintf(options, sizeof options, "%s:quarantine_size_mb=8", getenv("ASAN_OPTIONS") ? getenv("ASAN_OPTIONS") : "");
    setenv("ASAN_OPTIONS", options, 1);
    server_start(&server, "max_connections=30");
    pgbouncer_start(&pgbouncer, &server, "");
    query(conninfo, "CREATE TABLE written (task text, line jsonb, at timestamptz DEFAULT clock_timestamp())");
    query(conninfo, "CREATE TABLE item (id int PRIMARY KEY, done int NOT NULL DEFAULT 0)");
    return 0;
}

static int stop_all(void **state) {
    (void)state;
    pgbouncer_stop(&pgbouncer);
    server_destroy(&server);
    return 0;
}

static long written_count(const char *task) {
    char sql[160];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM written WHERE task = '%s'", task);
    return query_number(conninfo, sql);
}

static bool has_file(const struct process *process, const char *name) {
    return shell(NULL, "test -e $(dirname %s)/%s", process->ini, name) == 0;
}

static void make_file(const struct process *process, const char *name) {
    assert_int_equal(shell(NULL, "touch $(dirname %s)/%s", process->ini, name), 0);
}

/* --- no session is held during the work --- */

#define AT_GO "while [ ! -e go ]; do sleep 0.05; done; "
/* Of the task; headgate itself looks at the database meanwhile. */
#define BUSY                                                                                                                                         \
    "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'headgate/%' AND state <> 'idle' AND query LIKE '%task=t%'"

static void forty_rows_hold_no_session(const char *parallel) {
    struct process process;
    query(conninfo, "TRUNCATE item; INSERT INTO item SELECT generate_series(1, 40)");
    ini_write(&process,
                "[pool p]\nconninfo = %s\n[task t]\n%sread = SELECT id FROM item ORDER BY id\nwork = sh -c '" AT_GO "cat'\n%s"
                "write =\n    UPDATE item SET done = done + 1\n     WHERE id = ($1::jsonb->>'id')::int\n",
                conninfo, never_due(), parallel);
    daemon_start(&process);
    trigger(&process, "t");
    WAIT_UNTIL(&process, strstr(task_text(&process, "t", "note"), "outside for"));
    int64_t since_us = clock_us();
    assert_int_equal(pool_tokens(&process, "p", "taken"), 0);
    sampler_start(conninfo, BUSY);
    WAIT_UNTIL(&process, sampler_count() >= 50);
    assert_int_equal(sampler_stop(), 0);
    int64_t held_us = clock_us() - since_us;
    make_file(&process, "go");
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") == 1);
    assert_true(task_number(&process, "t", "outside") >= held_us);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM item WHERE done = 1"), 40);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void stages_forty_rows_of_one_child_hold_no_session(void **state) {
    (void)state;
    forty_rows_hold_no_session("");
}

static void stages_forty_rows_of_a_child_each_hold_no_session(void **state) {
    (void)state;
    forty_rows_hold_no_session("work_parallel = 1\n");
}

/* --- one run of one task, as a person would try it --- */

struct attempt {
    const char *name, *keys;
    int code;
    const char *told; /* in the words of `run --once` */
    long written_count;
};

#define FIVE  "read = SELECT i AS id FROM generate_series(1, 5) i\n"
#define WRITE(task) "write = INSERT INTO written VALUES ('" task "', $1)\n"

static const struct attempt attempts[] = {
    /* what children do */
    {"endless", "work = yes\nmax_bytes = 1MiB\n" WRITE("endless"), 1, "its work printed more than max_bytes = 1MiB", 0},
    {"open", "work = printf '{\"a\":1}\\n{\"b\":2}'\n" WRITE("open"), 0, ", 2 lines", 2},
    {"not_utf8", "work = printf '1\\n\"\\377\"\\n'\n" WRITE("not_utf8"), 1, "line 2 of its output is not UTF-8", 0},
    {"nul", "work = printf '1\\n2\\n\"\\0\"\\n'\n" WRITE("nul"), 1, "line 3 of its output holds a NUL byte", 0},
    {"half", "work = printf '{\"a\":1}\\n{\"b\":'\n" WRITE("half"), 1, "line 2 of its work's output: invalid input syntax", 0},
    {"silent", FIVE "work = true\n" WRITE("silent"), 0, ", 5 rows to 0 lines", 0},
    {"deaf", FIVE "work = sh -c 'exec <&-; sleep 0.1; echo 1'\n" WRITE("deaf"), 0, ", 5 rows to 1 line", 1},
    {"fails", FIVE "work = sh -c 'cat; echo oh no >&2; exit 3'\n" WRITE("fails"), 1, "exited with 3", 0},
    {"some_fail", FIVE "work = sh -c 'cat; [ $HEADGATE_ROW != 2 ] || exit 3'\nwork_parallel = 2\n" WRITE("some_fail"), 1,
     "1 of 5 rows failed; the first: exited with 3", 4},
    {"all_fail", FIVE "work = sh -c 'cat; exit 3'\nwork_parallel = 2\n" WRITE("all_fail"), 1,
     "5 of 5 rows failed; the first: exited with 3", 0},
    {"missing", "work = /no/such/program\n" WRITE("missing"), 1, "/no/such/program: no such file", 0},
    {"crashes", "work = sh -c 'echo 1; kill -SEGV $$'\n" WRITE("crashes"), 1, "ended by signal 11", 0},
    /* what is read */
    {"nothing", "read = SELECT 1 AS x WHERE false\nwork = touch started\n" WRITE("nothing"), 0, "nothing: nothing after", 0},
    {"twice", "read = SELECT 1 AS x, 2 AS x\nwork = cat\n", 1, "two columns of the name 'x'", 0},
    {"copy", "read = COPY (SELECT 1) TO STDOUT\nwork = cat\n", 1, "COPY TO STDOUT", 0},
    {"several", "read = SELECT 1; SELECT 2\nwork = cat\n", 1, "read and write are one statement each", 0},
    {"begin", "read = BEGIN\nwork = cat\n", 1, "transaction command", 0},
    {"typo", "read = SELECT 1 FORM x\nwork = cat\n", 1, "syntax error at or near", 0},
    {"many", "read = UPDATE item SET done = 7 RETURNING id, repeat('x', 100) AS x\nmax_bytes = 1KiB\nwork = cat\n", 1,
     "max_bytes = 1KiB", 0},
    {"wide", "read = UPDATE item SET done = 7 RETURNING id, repeat('x', 9999) AS x\nmax_bytes = 1KiB\nwork = cat\n", 1,
     "max_bytes = 1KiB", 0},
    {"no_write", FIVE "work = sh -c 'cat >rows'\n", 0, ", 5 rows to 0 lines", 0},
    /* what is written */
    {"no_read", "work = seq 3\n" WRITE("no_read"), 0, ", 3 lines", 3},
    {"commit", "work = seq 3\nwrite = COMMIT\n", 1, "write takes $1", 0},
    {"no_parameter", "work = seq 3\nwrite = INSERT INTO written VALUES ('no_parameter')\n", 1, "write takes $1", 0},
    {"two_parameters", "work = seq 3\nwrite = INSERT INTO written VALUES ($1, $2)\n", 1, "write takes $1", 0},
    {"fails_late", "work = sh -c 'seq 300; echo {'\n" WRITE("fails_late"), 1, "line 301 of its work's output: ", 0},
    {"thousands", "work = seq 3000\n" WRITE("thousands"), 0, ", 3000 lines", 3000},
};

#define ATTEMPTS (sizeof attempts / sizeof *attempts)

static void stages_each_kind_of_run_is_told_in_clear_words(void **state) {
    (void)state;
    struct process process;
    char tasks[16384] = "";
    query(conninfo, "TRUNCATE written, item; INSERT INTO item SELECT generate_series(1, 40)");
    for (size_t i = 0; i < ATTEMPTS; i++)
        snprintf(tasks + strlen(tasks), sizeof tasks - strlen(tasks), "[task %s]\nevery = 1h\n%s", attempts[i].name,
                 attempts[i].keys);
    ini_write(&process, "[pool p]\nconninfo = %s\n%s", conninfo, tasks);
    int wrong = 0;
    for (size_t i = 0; i < ATTEMPTS; i++) {
        const char *output, *name = attempts[i].name;
        int code = shell(&output, "headgate run %s --once %s", process.ini, name);
        if (code == attempts[i].code && strstr(output, attempts[i].told) && written_count(name) == attempts[i].written_count)
            continue;
        wrong++;
        fprintf(stderr, "%s: exit %d, wrote %ld: %s\n", name, code, written_count(name), output);
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM item WHERE done <> 0"), 0);
    assert_false(has_file(&process, "started"));
    assert_int_equal(shell(NULL, "test $(wc -l < $(dirname %s)/rows) = 5", process.ini), 0);
}

static void stages_work_that_ignores_its_end_is_ended(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "TRUNCATE written");
    ini_write(&process,
              "[pool p]\nconninfo = %s\n[task stubborn]\n%swork_timeout = 3s\nwork_parallel = 3\n"
              "read = SELECT i AS id FROM generate_series(1, 9) i\n"
              "work = sh -c 'trap \"\" TERM; cat; [ $HEADGATE_ROW != 1 ] || while :; do sleep 0.1; done'\n" WRITE("stubborn"),
              conninfo, never_due());
    daemon_start(&process);
    trigger(&process, "stubborn");
    WAIT_UNTIL(&process, task_number(&process, "stubborn", "failed") == 1);
    assert_string_equal(task_text(&process, "stubborn", "last"), "timeout");
    assert_true(task_number(&process, "stubborn", "last_took") > 5000000); /* TERM, 5 s, KILL */
    assert_non_null(strstr(task_text(&process, "stubborn", "note"), "rows failed"));
    assert_in_range(written_count("stubborn"), 0, 8); /* those that were done in time */
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM written WHERE line->>'id' = '1'"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* --- much --- */

static long memory_peak_kib(const struct process *process) {
    const char *output;
    shell(&output, "awk '/VmHWM/ {print $2}' /proc/%d/status", (int)process->pid);
    return strtol(output, NULL, 10);
}

static void stages_much_of_everything_leaves_others_alone(void **state) {
    (void)state;
    struct process process;
    long rows = getenv("HEADGATE_LONG") ? 10000000 : 300000;
    const char *rarely = never_due();
    query(conninfo, "TRUNCATE written");
    unsetenv("MALLOC_PERTURB_"); /* it fills memory that is only asked for */
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 4\n[task beat]\nevery = 100ms\nsql = SELECT 1\n"
              "[task flood]\n%swork = head -c 10G /dev/zero\n" WRITE("flood")
              "[task kept]\n%smax_bytes = 2GiB\nread = SELECT generate_series(1, %ld) AS i\n"
              "work = wc -l\n" WRITE("kept")
              "[task refused]\n%sread = SELECT generate_series(1, 10000000) AS i\n"
              "work = wc -l\n" WRITE("refused")
              "[task wide]\n%sread = SELECT repeat('x', 100000000) AS x\nwork = wc -l\n",
              conninfo, rarely, rarely, rows, rarely, rarely);
    static const char *const failing[] = {"flood", "refused", "wide"};
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "beat", "ok") >= 10);
    long before = memory_peak_kib(&process), beats = task_number(&process, "beat", "ok");
    for (size_t i = 0; i < 3; i++)
        trigger(&process, failing[i]);
    trigger(&process, "kept");
    for (size_t i = 0; i < 3; i++)
        WAIT_UNTIL(&process, task_number(&process, failing[i], "failed") == 1);
    for (size_t i = 0; i < 3; i++)
        if (!strstr(task_text(&process, failing[i], "note"), "max_bytes"))
            fail_msg("%s: %s", failing[i], task_text(&process, failing[i], "note"));
    WAIT_UNTIL(&process, task_number(&process, "kept", "ok") == 1);
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM written WHERE task = 'kept' AND line = to_jsonb(%ld)", rows);
    assert_int_equal(query_number(conninfo, sql), 1);
    long growth = memory_peak_kib(&process) - before;
    fprintf(stderr, "memory: %ld KiB more\n", growth);
#ifdef __SANITIZE_ADDRESS__
    assert_in_range(growth, 0, 80000);
#else
    assert_in_range(growth, 0, 30000); /* libpq's buffer up to max_bytes, and the cargo on its way to disk */
#endif
    assert_int_equal(task_number(&process, "beat", "failed"), 0);
    assert_true(task_number(&process, "beat", "ok") > beats);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void stages_full_disk_is_told_and_leaves_others_alone(void **state) {
    (void)state;
    struct process process;
    ini_write(&process, "x");
    char spool[200];
    snprintf(spool, sizeof spool, "%s", process.ini);
    strcpy(strrchr(spool, '/'), "/spool");
    shell(NULL, "mkdir %s", spool);
    if (!mount_disk(spool, "size=1m"))
        skip();
    const char *rarely = never_due();
    query(conninfo, "TRUNCATE written");
    ini_rewrite(&process,
                "[headgate]\nspool = %s\n[pool p]\nconninfo = %s\n[task beat]\nevery = 100ms\nsql = SELECT 1\n"
                "[task reads]\n%sread = SELECT generate_series(1, 1000000) AS i\nwork = wc -l\n"
                "[task prints]\n%swork = seq 1000000\n" WRITE("prints")
                "[task fits]\n%swork = seq 60000\nwrite =\n"
                "    INSERT INTO written SELECT 'fits', '1' WHERE $1 = '60000'\n",
                spool, conninfo, rarely, rarely, rarely);
    daemon_start(&process);
    trigger(&process, "reads");
    trigger(&process, "prints");
    WAIT_UNTIL(&process, task_number(&process, "reads", "failed") == 1 && task_number(&process, "prints", "failed") == 1);
    assert_non_null(strstr(task_text(&process, "reads", "note"), "No space left"));
    assert_non_null(strstr(task_text(&process, "prints", "note"), "No space left"));
    assert_non_null(strstr(task_text(&process, "prints", "note"), spool));
    trigger(&process, "fits");
    WAIT_UNTIL(&process, task_number(&process, "fits", "ok") == 1);
    assert_int_equal(written_count("prints"), 0);
    assert_int_equal(written_count("fits"), 1);
    assert_int_equal(shell(NULL, "test $(ls -A %s | wc -l) = 0", spool), 0);
    assert_int_equal(task_number(&process, "beat", "failed"), 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(umount(spool), 0);
}

/* --- types --- */

static void stages_types_are_kept_there_and_back(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "TRUNCATE written");
    query(conninfo,
          "CREATE TABLE kinds (id int, n2 int2, n8 int8, d numeric, f4 float4, f8 float8, b bool, t text, \"odd \"\"name\\\" text,"
          " c char(5), j json, jb jsonb, bin bytea, u uuid, ns int[], nss int[], ts text[], bs bool[], ds numeric[], jbs jsonb[])");
    query(conninfo, "INSERT INTO kinds VALUES (1, -32768, 9007199254740992, 123456.789, 1.5, -1e300, true,"
                    " E'a\"b\\\\c\\n\\r\\t\\x01\\x1f\\x7f \u2028 \u00e9 \U0001F600 {\"x\": 1}', 'x', 'ab', E'{\"a\":\\n [1, \"\\\\u00e9\"]}',"
                    " '{\"a\": [1, null, {\"b\": \"\\\"\"}]}', '\\x00ff5c', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{1,NULL,-3}',"
                    " '{{1,2},{3,4}}', E'{\"a,b\",\"{}\",\"\",NULL,\"NULL\",\"q\\\\\"q\",\"b\\\\\\\\b\",\"n\\nn\"}', '{t,f,NULL}', '{1.50,0}',"
                    " ARRAY['{\"a\": 1}', '[]', 'null', '\"s\"']::jsonb[])");
    query(conninfo, "INSERT INTO kinds (id) VALUES (2)");
    query(conninfo, "INSERT INTO kinds (id, d, f4, f8, t, j, ns, ts) VALUES (3, 'NaN', 'NaN', 'Infinity', '', 'null', '{}', '{}')");
    ini_write(&process,
              "[pool p]\nconninfo = %s\n[task t]\nevery = 1h\nread = SELECT * FROM kinds ORDER BY id\nwork = cat\n" WRITE("t")
              "[task big]\nevery = 1h\nread =\n    SELECT 9007199254740993 AS n8, -9007199254740993 AS m8,\n"
              "    12345678901234567890.5 AS d, 0.1::numeric AS small, '[1:2]={5,6}'::int[] AS bounds\nwork = cat\n" WRITE("big"),
              conninfo);
    const char *output;
    if (shell(&output, "headgate run %s --once t && headgate run %s --once big", process.ini, process.ini) != 0)
        fail_msg("%s", output);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM kinds JOIN written ON task = 't' AND line->>'id' = id::text"
                                            " AND line = to_jsonb(kinds)"), 3);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM written WHERE task = 'big' AND line = '{\"n8\": \"9007199254740993\","
                                            " \"m8\": \"-9007199254740993\", \"d\": \"12345678901234567890.5\", \"small\": 0.1,"
                                            " \"bounds\": [5, 6]}'"), 1);
}

static void stages_encodings_of_the_database_become_utf8(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "CREATE DATABASE ascii ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    query(conninfo, "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    ini_write(&process,
              "[pool ascii]\nconninfo = %s dbname=ascii\n[pool latin]\nconninfo = %s dbname=latin\n"
              "[task ascii]\npool = ascii\nevery = 1h\nread = SELECT 1 AS a, convert_from('\\xe941', 'SQL_ASCII') AS t\n"
              "work = sh -c 'cat >ascii'\n"
              "[task latin]\npool = latin\nevery = 1h\nread = SELECT 1 AS a, convert_from('\\xe941', 'LATIN1') AS t\n"
              "work = sh -c 'cat >latin'\n",
              conninfo, conninfo);
    const char *output;
    if (shell(&output, "headgate run %s --once ascii && headgate run %s --once latin", process.ini, process.ini) != 0)
        fail_msg("%s", output);
    shell(&output, "cat $(dirname %s)/ascii $(dirname %s)/latin", process.ini, process.ini);
    assert_string_equal(output, "{\"a\":1,\"t\":\"\uFFFDA\"}\n{\"a\":1,\"t\":\"\u00e9A\"}\n");
}

/* --- its end comes from outside --- */

/* A child for each row: the first two end at once, the others wait for the file "go". */
#define TWO_AT_ONCE                                                                                                                                  \
    "read = SELECT i AS id FROM generate_series(1, 4) i\nwork_parallel = 4\n"                                                                        \
    "work = sh -c '[ $HEADGATE_ROW -le 2 ] || while [ ! -e go ]; do sleep 0.05; done; cat'\n"

static void start_two_at_once(struct process *process, const char *top) {
    query(conninfo, "TRUNCATE written");
    ini_write(process, "%s[pool p]\nconninfo = %s\n[task beat]\nevery = 100ms\nsql = SELECT 1\n[task t]\n%s" TWO_AT_ONCE WRITE("t"),
              top, conninfo, never_due());
    daemon_start(process);
    trigger(process, "t");
    WAIT_UNTIL(process, strstr(task_text(process, "t", "note"), "2 of 4 rows done, 2 children"));
}

static void stages_drain_writes_what_was_finished(void **state) {
    (void)state;
    struct process process;
    start_two_at_once(&process, "[headgate]\ndrain_timeout = 1s\n");
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(written_count("t"), 2);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM written WHERE line->>'id' IN ('1', '2')"), 2);
    assert_int_equal(daemon_log_count(&process, "2 of 4 rows failed"), 1);
    assert_int_equal(query_number(conninfo, COUNT_OURS), 0);
}

static void stages_drain_lets_the_work_end_in_time(void **state) {
    (void)state;
    struct process process;
    start_two_at_once(&process, "");
    kill(process.pid, SIGTERM);
    WAIT_UNTIL(&process, daemon_log_count(&process, "stopping") + daemon_log_count(&process, "draining") >= 1);
    make_file(&process, "go");
    assert_int_equal(daemon_end(&process, 0), 0);
    assert_int_equal(written_count("t"), 4);
}

static void stages_removed_task_is_finished_and_not_begun_again(void **state) {
    (void)state;
    struct process process;
    start_two_at_once(&process, "");
    ini_rewrite(&process, "[pool p]\nconninfo = %s\n[task beat]\nevery = 100ms\nsql = SELECT 1\n", conninfo);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=reloaded") == 1);
    make_file(&process, "go");
    WAIT_UNTIL(&process, written_count("t") == 4);
    long beats = task_number(&process, "beat", "ok");
    WAIT_UNTIL(&process, task_number(&process, "beat", "ok") >= beats + 3);
    assert_int_equal(task_number(&process, "t", "ok"), -1); /* its last run is over, and it is told of no longer */
    assert_int_equal(written_count("t"), 4);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void stages_removed_pool_writes_before_it_goes(void **state) {
    (void)state;
    struct process process;
    start_two_at_once(&process, "");
    ini_rewrite(&process, "[pool q]\nconninfo = %s\n[task beat]\nevery = 100ms\nsql = SELECT 1\n", conninfo);
    kill(process.pid, SIGHUP);
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=reloaded") == 1);
    make_file(&process, "go");
    WAIT_UNTIL(&process, written_count("t") == 4);
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") == -1 && pool_tokens(&process, "p", "held") == -1);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

/* --- through a pooler --- */

static void stages_transaction_pooler_is_no_obstacle(void **state) {
    (void)state;
    struct process process;
    query(conninfo, "TRUNCATE written");
    ini_write(&process,
              "[pool p]\nconninfo = %s\nsize = 3\n[task t]\nevery = 300ms\nread = SELECT i AS id FROM generate_series(1, 250) i\n"
              "work = cat\n" WRITE("t") "[task half]\nevery = 300ms\nhold_after = 0\nwork = sh -c 'seq 150; echo {'\n" WRITE("half")
              "[task wide]\nevery = 300ms\nhold_after = 0\nmax_bytes = 1KiB\nread = SELECT repeat('x', 5000) AS x\nwork = cat\n"
              "[task beat]\nevery = 100ms\nsql = SELECT 1\n",
              pgbouncer.conninfo);
    const char *output; /* PgBouncer refuses headgate's options at first */
    if (shell(&output, "headgate run %s --once t", process.ini) != 0 || !strstr(output, ", 250 rows to 250 lines"))
        fail_msg("%s", output);
    daemon_start(&process);
    WAIT_UNTIL(&process, task_number(&process, "t", "ok") >= 4 && task_number(&process, "half", "failed") >= 3 &&
                             task_number(&process, "wide", "failed") >= 3 && task_number(&process, "beat", "ok") >= 10);
    assert_int_equal(task_number(&process, "t", "failed") + task_number(&process, "beat", "failed"), 0);
    WAIT_UNTIL(&process, strstr(task_text(&process, "half", "note"), "line 151 of its work's output")); /* at rest */
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_int_equal(written_count("half"), 0);
    assert_int_equal(written_count("t") % 250, 0);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM (SELECT line->>'id' FROM written GROUP BY 1) x"), 250);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(stages_forty_rows_of_one_child_hold_no_session, tidy),
        cmocka_unit_test_teardown(stages_forty_rows_of_a_child_each_hold_no_session, tidy),
        cmocka_unit_test_teardown(stages_each_kind_of_run_is_told_in_clear_words, tidy),
        cmocka_unit_test_teardown(stages_work_that_ignores_its_end_is_ended, tidy),
        cmocka_unit_test_teardown(stages_much_of_everything_leaves_others_alone, tidy),
        cmocka_unit_test_teardown(stages_full_disk_is_told_and_leaves_others_alone, tidy),
        cmocka_unit_test_teardown(stages_types_are_kept_there_and_back, tidy),
        cmocka_unit_test_teardown(stages_encodings_of_the_database_become_utf8, tidy),
        cmocka_unit_test_teardown(stages_drain_writes_what_was_finished, tidy),
        cmocka_unit_test_teardown(stages_drain_lets_the_work_end_in_time, tidy),
        cmocka_unit_test_teardown(stages_removed_task_is_finished_and_not_begun_again, tidy),
        cmocka_unit_test_teardown(stages_removed_pool_writes_before_it_goes, tidy),
        cmocka_unit_test_teardown(stages_transaction_pooler_is_no_obstacle, tidy),
    };
    return run_all(tests, start, stop_all);
}
