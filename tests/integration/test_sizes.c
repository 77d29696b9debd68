/*
 * Sizes that an honest server and an honest child can send, and that a file can have: each run ends for the right reason,
 * what is kept and said of it stays small, and the others go on.
 */
#include "one_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=30");
    query(conninfo, "CREATE TABLE written (line text)");
    query(conninfo, "DO $$ BEGIN EXECUTE (SELECT 'CREATE TABLE broad AS SELECT '"
                    " || string_agg('i AS a_name_that_is_long_' || c, ', ')"
                    " || ' FROM generate_series(1, 2000) i' FROM generate_series(1, 1500) c); END $$");
    return 0;
}

/* Of one text of others 4 KiB are kept; a line of the log has little beside it, and quotes it. */
#define KEPT_BYTES_MOST     4200
#define LOG_LINE_BYTES_MOST 16384
#define DUMP_BYTES_MOST     65536

#define RAISE(what, more) "DO $$ BEGIN RAISE " what " '%', repeat('x', 60000000)" more "; END $$"

static const struct much {
    const char *name, *keys;
    bool ok;
    const char *note;
} muches[] = {
    {"exception", "sql = " RAISE("EXCEPTION", ""), false, "more than 8 MiB"},
    {"detail", "sql = DO $$ BEGIN RAISE 'no' USING DETAIL = repeat('x', 60000000); END $$", false, "more than 8 MiB"},
    {"notice", "sql = " RAISE("NOTICE", ""), true, ""},
    {"warning", "sql = " RAISE("WARNING", ""), false, "more than 8 MiB: a row, an error or a warning"},
    {"bare", "transaction = off\nsql = " RAISE("EXCEPTION", ""), false, "more than 8 MiB"},
    {"several", "sql = SELECT 1; " RAISE("EXCEPTION", ""), false, "more than 8 MiB"},
    {"in_read", "max_bytes = 1MiB\nwork = cat\nread = SELECT repeat('x', 60000000)::int", false, ""},
    {"below", "sql = DO $$ BEGIN RAISE '%', repeat('x', 7000000); END $$", false, "xxxx"},
    {"notices", "sql = DO $$ BEGIN FOR i IN 1..30 LOOP RAISE WARNING '%', repeat('x', 4000000); END LOOP; END $$", true, ""},
    {"row", "sql = SELECT repeat('x', 100*1000*1000)", false, "more than 8 MiB"},
    {"row_read", "work = cat\nread = SELECT repeat('x', 100*1000*1000) AS x", false, "max_bytes"},
    {"columns", "max_bytes = 256MiB\nread = SELECT * FROM broad\nwork = wc -l\nwrite = INSERT INTO written VALUES ($1)", true, ""},
    {"child", "command = sh -c 'yes x | tr -d \"\\n\" | head -c 100000000; exit 3'", false, "3"},
    {"work", "write = INSERT INTO written VALUES ($1)\nwork = sh -c 'yes x | tr -d \"\\n\" | head -c 100000000'", false, "max_bytes"},
    {"complains", "write = INSERT INTO written VALUES ($1)\nwork = sh -c 'yes x | tr -d \"\\n\" | head -c 100000000 >&2; exit 3'", false, "3"},
};

#define MUCH_COUNT (sizeof muches / sizeof *muches)

static long number_of(const char *format, const char *of) {
    const char *output;
    char command[400];
    snprintf(command, sizeof command, format, of);
    assert_int_equal(shell(&output, "%s", command), 0);
    return strtol(output, NULL, 10);
}

static void run_one(const struct process *process, const struct much *much) {
    trigger(process, much->name);
    WAIT_UNTIL(process, task_number(process, much->name, much->ok ? "ok" : "failed") == 1);
    if (much->ok)
        return;
    /* Of a run whose fate was asked for, the note says that, and why it had to be. */
    WAIT_UNTIL(process, strstr(task_text(process, much->name, "note"), much->note));
    if (shell(NULL, "grep -q 'task=%s .*%s' %s", much->name, much->note, process->log) != 0)
        fail_msg("%s: %.2000s", much->name, task_text(process, much->name, "note"));
}

static void sizes_of_others_are_cut_where_they_come_in(void **state) {
    (void)state;
    struct process process;
    char text[8192] = "";
    unsetenv("MALLOC_PERTURB_"); /* it fills memory that is only asked for */
    for (size_t i = 0; i < MUCH_COUNT; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "[task %s]\n%s%s\n", muches[i].name, never_due(), muches[i].keys);
    ini_write(&process, "[pool p]\nconninfo = %s\nsize = 4\nhistory = on\n[task beat]\nevery = 200ms\nsql = SELECT 1\n%s", conninfo,
              text);
    daemon_start(&process);
    WAIT_UNTIL(&process, history_is_on(&process) && task_number(&process, "beat", "ok") >= 3);
    for (size_t i = 0; i < MUCH_COUNT; i++)
        run_one(&process, &muches[i]);
    long beats = task_number(&process, "beat", "ok");
    WAIT_UNTIL(&process, task_number(&process, "beat", "ok") >= beats + 3);
    assert_int_equal(task_number(&process, "beat", "failed"), 0);
    assert_int_equal(query_number(conninfo, "SELECT line::int FROM written"), 2000);
    assert_in_range(strlen(dump_of(&process)), 1, DUMP_BYTES_MOST - 2);
    char pid[16];
    snprintf(pid, sizeof pid, "%d", (int)process.pid);
    long peak_kib = number_of("awk '/VmHWM/ {print $2}' /proc/%s/status", pid);
    fprintf(stderr, "memory: %ld KiB at the most\n", peak_kib);
#ifndef __SANITIZE_ADDRESS__ /* it holds back what was freed */
    assert_in_range(peak_kib, 1, 100 * 1024); /* libpq's buffer doubles; a read's rows wait for their work */
#endif
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    assert_in_range(number_of("awk '{ if (length > most) most = length } END { print most }' %s", process.log), 1, LOG_LINE_BYTES_MOST);
    assert_int_equal(query_number(conninfo, "SELECT count(DISTINCT task) FROM headgate.history WHERE outcome IN ('ok', 'failed')"
                                           " OR task IN ('bare', 'several') AND outcome = 'unknown'"), /* without a row of their own transaction */
                     MUCH_COUNT + 1);
    assert_in_range(query_number(conninfo, "SELECT max(octet_length(message)) FROM headgate.history"), 1, KEPT_BYTES_MOST);
}

/* A value of so many bytes, made by the shell. */
static void sizes_of_a_file_are_refused_in_few_words(void **state) {
    (void)state;
    static const char *const files[] = {
        "[task %s]\nevery = 1s\nsql = SELECT 1\n", "[task t]\nevery = %s\nsql = SELECT 1\n", "[task t]\n%s = 1s\nsql = SELECT 1\n",
        "[%s]\n", "%s\n",
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct process process;
        const char *output;
        size_t bytes = 1000000;
        char *much = malloc(bytes + 1);
        memset(much, 'x', bytes);
        much[bytes] = '\0';
        char *text = malloc(bytes + 200);
        snprintf(text, bytes + 200, files[i], much);
        ini_write(&process, "[pool p]\nconninfo = %s\n%s", conninfo, text);
        free(text);
        free(much);
        int code = shell(&output, "headgate check %s", process.ini);
        if (code != 1 || strlen(output) > LOG_LINE_BYTES_MOST)
            fail_msg("file %zu: exit %d, %zu bytes: %.2000s", i, code, strlen(output), output);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(sizes_of_others_are_cut_where_they_come_in, tidy),
        cmocka_unit_test_teardown(sizes_of_a_file_are_refused_in_few_words, tidy),
    };
    return run_all(tests, start, stop);
}
