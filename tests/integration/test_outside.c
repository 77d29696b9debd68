/*
 * The work of staged tasks, without the daemon and without a database: what children get, what is taken of
 * what they print, and how each kind of end is told.
 */
#include "harness.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pool/conninfo.h"
#include "pool/children/outside.h"

#define MIB ((uint64_t)1024 * 1024)

static struct rig {
    uv_loop_t loop;
    char directory[128];
    struct conninfo conninfo;
    struct spool_place place;
    struct cargo *cargo;
    struct outside *outside;
    bool has_rows;
    int fd_count; /* open before the test */
    struct rlimit descriptors;
    /* as reported */
    bool ended;
    enum outcome outcome;
    uint64_t row_count;
    char message[1024], output[8192];
} rig;

static int open_fd_count(void) {
    DIR *all = opendir("/proc/self/fd");
    int count = -1; /* its own */
    while (readdir(all))
        count++;
    closedir(all);
    return count;
}

/* What this program was given would be inherited, and what libuv opens once and keeps would be counted. */
static int prepare(void **state) {
    (void)state;
    uv_loop_t loop;
    for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
        close(fd);
    return uv_loop_init(&loop) || uv_loop_close(&loop);
}

static int set_up(void **state) {
    (void)state;
    char *error = NULL;
    memset(&rig, 0, sizeof rig);
    rig.fd_count = open_fd_count();
    getrlimit(RLIMIT_NOFILE, &rig.descriptors);
    make_directory(rig.directory, sizeof rig.directory);
    if (!conninfo_resolve("host=/nowhere dbname=x user=y", &rig.conninfo, &error))
        return 1;
    rig.place.directory = rig.directory;
    rig.cargo = cargo_create(&rig.place, 16 * MIB);
    rig.has_rows = true;
    return uv_loop_init(&rig.loop);
}

static int tear_down(void **state) {
    (void)state;
    setrlimit(RLIMIT_NOFILE, &rig.descriptors);
    if (rig.outside) { /* the test has failed */
        outside_signal(rig.outside, SIGKILL);
        uv_run(&rig.loop, UV_RUN_DEFAULT);
    }
    cargo_destroy(rig.cargo);
    conninfo_finish(&rig.conninfo);
    shell(NULL, "find /proc/[0-9]*/cwd -maxdepth 0 -lname '%s*' 2>/dev/null | cut -d / -f 3 | xargs -r kill -KILL; rm -rf %s",
          rig.directory, rig.directory);
    if (uv_loop_close(&rig.loop) != 0) /* a handle was left behind */
        return 1;
    if (rig.place.memory_bytes != 0 || open_fd_count() != rig.fd_count) {
        fprintf(stderr, "left: %zu bytes of spools, %d descriptors\n", rig.place.memory_bytes,
                open_fd_count() - rig.fd_count);
        return 1;
    }
    return 0;
}

static void on_report(void *context, const struct report *report, const struct failure *failure) {
    assert_ptr_equal(context, &rig);
    assert_int_equal(report->kind, REPORT_RUN_ENDED);
    assert_int_equal(report->run.index, 7);
    assert_false(rig.ended);
    rig.ended = true;
    rig.outcome = report->ended.outcome;
    rig.row_count = report->ended.row_count;
    snprintf(rig.message, sizeof rig.message, "%s", failure ? failure->message : "");
    snprintf(rig.output, sizeof rig.output, "%s", failure && failure->output ? failure->output : "");
    rig.outside = NULL;
}

static void add_rows(int count) {
    struct text error = {0};
    for (int i = 1; i <= count; i++) {
        char row[32];
        snprintf(row, sizeof row, "{\"id\":%d}\n", i);
        assert_true(cargo_add_row(rig.cargo, row, strlen(row), &error));
    }
}

static void begin_program(const char *const *argv, uint32_t parallel) {
    static const char task[] = "t";
    struct outside_work work = {
        .command = {.run = {7, 1},
                    .task = task,
                    .argv = (char *const *)(uintptr_t)argv,
                    .directory = rig.directory,
                    .conninfo = &rig.conninfo,
                    .run_number = 11,
                    .input = -1},
        .cargo = rig.cargo,
        .has_rows = rig.has_rows,
        .parallel = parallel,
    };
    rig.ended = false;
    rig.outside = outside_start(&rig.loop, &work, on_report, &rig);
    assert_false(rig.ended);
}

static void begin(const char *script, uint32_t parallel) {
    static const char *argv[] = {"sh", "-c", NULL, NULL};
    argv[2] = script;
    begin_program(argv, parallel);
}

static void finish(void) {
    uv_run(&rig.loop, UV_RUN_DEFAULT);
    assert_true(rig.ended);
    assert_int_equal(rig.row_count, rig.cargo->line_count);
    assert_int_equal(rig.cargo->child_count, 0);
}

static void run(const char *script, uint32_t parallel) {
    begin(script, parallel);
    finish();
}

#define TURN_UNTIL(condition)                                                                                \
    for (int64_t began_us = clock_us(); !(condition);) {                                                     \
        uv_run(&rig.loop, UV_RUN_NOWAIT);                                                                    \
        assert_false(deadline_passed(began_us));                                                             \
        breathe();                                                                                           \
    }

static uint32_t child_count_after_turns(void) {
    for (int i = 0; i < 30; i++)
        uv_run(&rig.loop, UV_RUN_NOWAIT);
    return rig.cargo->child_count;
}

#define AT_GO "while [ ! -e go ]; do sleep 0.02; done; "

static void touch(const char *name) {
    assert_int_equal(shell(NULL, "touch %s/%s", rig.directory, name), 0);
}

static bool exists(const char *name) {
    char path[160];
    snprintf(path, sizeof path, "%s/%s", rig.directory, name);
    return access(path, F_OK) == 0;
}

/* All lines that were taken; borrowed until the next call. */
static const char *lines(void) {
    static char all[65536];
    struct cargo_reader reader = {0};
    struct text error = {0};
    size_t bytes, used = 0;
    cargo_read(&reader, &rig.cargo->lines);
    for (const char *line; (line = cargo_next_line(&reader, &bytes, &error));) {
        assert_true(used + bytes + 2 < sizeof all);
        used += (size_t)snprintf(all + used, sizeof all - used, "%s\n", line);
    }
    all[used] = '\0';
    assert_int_equal(error.bytes_count, 0);
    cargo_reader_finish(&reader);
    return all;
}

static void assert_each_row_once(int count) {
    char *seen = calloc(1, (size_t)count + 1);
    struct cargo_reader reader = {0};
    struct text error = {0};
    size_t bytes;
    int id, found = 0;
    cargo_read(&reader, &rig.cargo->lines);
    for (const char *line; (line = cargo_next_line(&reader, &bytes, &error)); found++) {
        assert_int_equal(sscanf(line, "{\"id\":%d}", &id), 1);
        assert_in_range(id, 1, count);
        assert_false(seen[id]);
        seen[id] = 1;
    }
    assert_int_equal(found, count);
    cargo_reader_finish(&reader);
    free(seen);
}

/* --- one child --- */

static void outside_one_child_each_end_is_told(void **state) {
    (void)state;
    static const struct {
        const char *script, *message, *lines;
    } cases[] = {
        {"cat", "", "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n"},
        {"printf 'a\\nb'", "", "a\nb\n"},
        {"true", "", ""},
        {"exec <&-; echo x", "", "x\n"},
        {"head -c 9; exec <&-; sleep 0.1; echo late", "", "{\"id\":1}\nlate\n"},
        {"echo $HEADGATE_RUN $HEADGATE_TASK ${HEADGATE_ROW-none}", "", "11 t none\n"},
        {"echo good; exit 3", "exited with 3", ""},
        {"echo good; kill -9 $$", "ended by signal 9 (Killed)", ""},
        {"printf 'good\\n\\377\\n'", "UTF-8", ""},
        {"echo said >&2; echo good; echo more >&2", "", "good\n"},
    };
    add_rows(3);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run(cases[i].script, 0);
        if (*cases[i].message ? !strstr(rig.message, cases[i].message) : *rig.message)
            fail_msg("%s: %s", cases[i].script, rig.message);
        assert_int_equal(rig.outcome, *cases[i].message ? OUTCOME_FAILED : OUTCOME_OK);
        assert_string_equal(lines(), cases[i].lines);
        assert_int_equal(rig.cargo->children_done + rig.cargo->children_failed, 1);
    }
}

static void outside_of_stderr_the_end_is_told_when_it_fails(void **state) {
    (void)state;
    add_rows(1);
    run("yes 0123456789 | head -c 990000 >&2; echo data; echo the end >&2; exit 4", 0);
    assert_string_equal(rig.message, "exited with 4");
    assert_non_null(strstr(rig.output, "\nthe end"));
    assert_null(strstr(rig.output, "data"));
    assert_in_range(strlen(rig.output), 4000, COMMAND_OUTPUT_BYTES);
    assert_string_equal(rig.output, rig.cargo->output.bytes);
    run("echo data", 0); /* another attempt: nothing is left of the one before */
    assert_string_equal(lines(), "data\n");
    assert_int_equal(rig.cargo->children_failed + rig.cargo->complaint.bytes_count, 0);
}

static void outside_without_rows_stdin_is_empty(void **state) {
    (void)state;
    rig.has_rows = false;
    run("readlink /proc/$$/fd/0; cat", 4);
    assert_string_equal(lines(), "/dev/null\n");
    assert_int_equal(rig.outcome, OUTCOME_OK);
}

static void outside_children_inherit_nothing_else(void **state) {
    (void)state;
    static const char *const argv[] = {"/bin/ls", "/proc/self/fd", NULL}; /* 3 is the folder it reads */
    add_rows(4);
    begin_program(argv, 2);
    finish();
    assert_string_equal(lines(), "0\n1\n2\n3\n0\n1\n2\n3\n0\n1\n2\n3\n0\n1\n2\n3\n");
}

static void outside_a_grandchild_that_keeps_stdout_is_not_waited_for(void **state) {
    (void)state;
    add_rows(1);
    run("sleep 1000 & setsid sleep 1000 & echo $! >grandchild; echo a", 0);
    assert_int_equal(rig.outcome, OUTCOME_OK);
    assert_string_equal(lines(), "a\n");
    assert_int_equal(shell(NULL, "kill -0 $(cat %s/grandchild)", rig.directory), 0); /* and it is still at work */
}

static void outside_a_program_that_does_not_exist_is_named(void **state) {
    (void)state;
    static const char *const argv[] = {"/nowhere/at/all", NULL};
    static const char refusal[] = "could not be started: /nowhere/at/all: no such file or directory";
    char message[256];
    add_rows(1);
    begin_program(argv, 0);
    finish();
    assert_string_equal(rig.message, refusal);
    add_rows(39);
    begin_program(argv, 4);
    finish();
    snprintf(message, sizeof message, "40 of 40 rows failed; the first: %s", refusal);
    assert_string_equal(rig.message, message);
}

/* --- floods --- */

static void on_tick(uv_timer_t *timer) {
    int *ticks = timer->data;
    ++*ticks;
    if (rig.ended)
        uv_close((uv_handle_t *)timer, NULL);
}

static void outside_a_flood_is_killed_and_the_rest_goes_on(void **state) {
    (void)state;
    uv_timer_t timer;
    int ticks = 0;
    add_rows(1);
    uv_timer_init(&rig.loop, &timer);
    timer.data = &ticks;
    uv_timer_start(&timer, on_tick, 5, 5);
    run("yes | head -c 10G", 0);
    assert_string_equal(rig.message, "its work printed more than max_bytes = 16MiB");
    assert_int_equal(rig.outcome, OUTCOME_FAILED);
    assert_string_equal(lines(), "");
    assert_true(ticks > 2); /* the loop has time for others */
}

static void outside_what_fits_exactly_is_taken(void **state) {
    (void)state;
    add_rows(1);
    run("yes | head -c 16777216", 0);
    assert_string_equal(rig.message, "");
    assert_int_equal(rig.cargo->line_count, 8 * MIB);
    run("yes | head -c 16777217", 0);
    assert_string_equal(rig.message, "its work printed more than max_bytes = 16MiB");
    assert_int_equal(rig.cargo->line_count, 0);
}

static void outside_children_that_print_too_much_together_lose_the_last(void **state) {
    (void)state;
    add_rows(3);
    run("yes | head -c 7000000", 3);
    assert_int_equal(rig.cargo->children_done, 2);
    assert_int_equal(rig.cargo->line_count, 7000000);
    assert_non_null(strstr(rig.message, "1 of 3 rows failed; the first: "));
    assert_non_null(strstr(rig.message, "max_bytes"));
}

static void outside_a_full_disk_fails_the_child_that_meets_it(void **state) {
    (void)state;
    struct rlimit old;
    getrlimit(RLIMIT_FSIZE, &old);
    bool mounted = mount_disk(rig.directory, "size=64k");
    signal(SIGXFSZ, SIG_IGN);
    if (!mounted)
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){65536, old.rlim_max});
    add_rows(3);
    run("[ $HEADGATE_ROW = 2 ] && yes | head -c 1000000; echo $HEADGATE_ROW", 1);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
    if (mounted)
        umount(rig.directory);
    assert_string_equal(lines(), "1\n3\n");
    assert_non_null(strstr(rig.message, "1 of 3 rows failed; the first: "));
    if (!strstr(rig.message, mounted ? "No space left" : "File too large"))
        fail_msg("%s", rig.message);
}

/* --- a row each --- */

static void outside_failing_children_are_counted_and_the_others_taken(void **state) {
    (void)state;
    add_rows(40);
    run("cat; case $HEADGATE_ROW in 7|20|33) echo no $HEADGATE_ROW >&2; exit 3;; esac", 4);
    assert_string_equal(rig.message, "3 of 40 rows failed; the first: exited with 3");
    assert_string_equal(rig.output, "no 7");
    assert_int_equal(rig.cargo->children_done, 37);
    assert_int_equal(rig.cargo->children_failed, 3);
    assert_int_equal(rig.cargo->line_count, 37);
    assert_non_null(strstr(lines(), "{\"id\":40}\n"));
    assert_null(strstr(lines(), "{\"id\":20}\n"));
}

static void outside_a_row_comes_with_its_number(void **state) {
    (void)state;
    add_rows(12);
    run("read row; test \"$row\" = \"{\\\"id\\\":$HEADGATE_ROW}\" && ! read more", 3);
    assert_string_equal(rig.message, "");
    assert_int_equal(rig.cargo->children_done, 12);
}

static void outside_no_more_than_parallel_are_at_work(void **state) {
    (void)state;
    add_rows(40);
    begin(AT_GO "cat", 4);
    TURN_UNTIL(rig.cargo->child_count == 4)
    assert_int_equal(child_count_after_turns(), 4);
    touch("go");
    finish();
    assert_each_row_once(40);
}

static void outside_thousands_of_rows_are_each_done_once(void **state) {
    (void)state;
    static const char *const argv[] = {"/bin/cat", NULL};
    const char *count =
        getenv("OUTSIDE_ROWS"); /* by hand: does the time grow with the rows, and no faster? */
    int row_count = count ? (int)strtol(count, NULL, 10) : 2000;
    int64_t since_us = clock_us();
    add_rows(row_count);
    begin_program(argv, 8);
    finish();
    assert_string_equal(rig.message, "");
    assert_each_row_once(row_count);
    printf("%d rows in %d ms\n", row_count, (int)((clock_us() - since_us) / 1000));
}

static void outside_large_rows_go_through_whole(void **state) {
    (void)state;
    struct text error = {0};
    size_t bytes = 5 * MIB;
    char *row = malloc(bytes + 1);
    memset(row, 'a', bytes);
    row[bytes] = '\n';
    assert_true(cargo_add_row(rig.cargo, row, bytes + 1, &error));
    assert_true(cargo_add_row(rig.cargo, row, bytes + 1, &error));
    free(row);
    for (uint32_t parallel = 0; parallel < 3; parallel++) {
        run("cat", parallel);
        assert_string_equal(rig.message, "");
        assert_int_equal(rig.cargo->line_count, 2);
        assert_int_equal(rig.cargo->lines.bytes_count, 2 * (bytes + 1));
    }
}

/* --- too little of something --- */

static void limit_descriptors(int more_count) {
    struct rlimit limit = rig.descriptors;
    limit.rlim_cur = (rlim_t)(open_fd_count() + more_count);
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void outside_what_is_lacking_is_waited_for(void **state) {
    (void)state;
    add_rows(10);
    for (int more = 0; more <= 9; more++) { /* so that it is now this one, now that one */
        begin(AT_GO "cat", 8);
        TURN_UNTIL(rig.cargo->child_count == 1)
        limit_descriptors(more);
        assert_in_range(child_count_after_turns(), 1, 7);
        if (more < 6)
            setrlimit(RLIMIT_NOFILE, &rig.descriptors);
        touch("go");
        finish(); /* from 6 on there is always enough for one */
        setrlimit(RLIMIT_NOFILE, &rig.descriptors);
        assert_string_equal(rig.message, "");
        assert_each_row_once(10);
        assert_int_equal(shell(NULL, "rm %s/go", rig.directory), 0);
    }
}

static void outside_what_is_lacking_fails_when_nobody_holds_it(void **state) {
    (void)state;
    rig.has_rows = false;
    begin("cat", 0);
    limit_descriptors(3);
    uv_run(&rig.loop, UV_RUN_DEFAULT);
    setrlimit(RLIMIT_NOFILE, &rig.descriptors);
    assert_string_equal(rig.message, "could not be started: sh: too many open files");
}

/* --- signals --- */

static void outside_a_signal_ends_the_running_and_starts_no_more(void **state) {
    (void)state;
    add_rows(40);
    begin("cat; [ $HEADGATE_ROW -le 12 ] || sleep 1000", 4);
    TURN_UNTIL(rig.cargo->children_done == 12 && rig.cargo->child_count == 4)
    outside_signal(rig.outside, SIGTERM);
    finish();
    assert_string_equal(rig.message, "stopped after 16 of 40 rows; 4 of 16 rows failed; the first: "
                                     "ended by signal 15 (Terminated)");
    assert_int_equal(rig.outcome, OUTCOME_FAILED);
    assert_int_equal(rig.cargo->children_done, 12);
    assert_int_equal(rig.cargo->children_failed, 4);
    assert_int_equal(rig.cargo->line_count, 12);
}

static void outside_children_that_end_well_after_a_signal_are_taken(void **state) {
    (void)state;
    add_rows(40);
    begin("trap 'echo told; exit 0' TERM; touch ready$HEADGATE_ROW; while :; do sleep 0.02; done", 2);
    TURN_UNTIL(exists("ready1") && exists("ready2"))
    outside_signal(rig.outside, SIGTERM);
    finish();
    assert_string_equal(rig.message, "stopped after 2 of 40 rows");
    assert_string_equal(lines(), "told\ntold\n");
}

static void outside_a_signal_before_the_first_start_is_told(void **state) {
    (void)state;
    add_rows(40);
    begin("cat", 4);
    outside_signal(rig.outside, SIGTERM);
    finish();
    assert_string_equal(rig.message, "stopped after 0 of 40 rows");
    assert_int_equal(rig.cargo->children_failed, 0);
}

static void outside_a_child_that_ignores_term_is_killed(void **state) {
    (void)state;
    add_rows(1);
    begin("trap 'touch told' TERM; echo good; touch ready; while :; do sleep 0.02; done", 0);
    TURN_UNTIL(exists("ready"))
    outside_signal(rig.outside, SIGTERM);
    TURN_UNTIL(exists("told"))
    assert_false(rig.ended);
    outside_signal(rig.outside, SIGKILL);
    finish();
    assert_string_equal(rig.message, "ended by signal 9 (Killed)");
    assert_string_equal(lines(), "");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(outside_one_child_each_end_is_told),
        CASE(outside_of_stderr_the_end_is_told_when_it_fails),
        CASE(outside_without_rows_stdin_is_empty),
        CASE(outside_children_inherit_nothing_else),
        CASE(outside_a_grandchild_that_keeps_stdout_is_not_waited_for),
        CASE(outside_a_program_that_does_not_exist_is_named),
        CASE(outside_a_flood_is_killed_and_the_rest_goes_on),
        CASE(outside_what_fits_exactly_is_taken),
        CASE(outside_children_that_print_too_much_together_lose_the_last),
        CASE(outside_a_full_disk_fails_the_child_that_meets_it),
        CASE(outside_failing_children_are_counted_and_the_others_taken),
        CASE(outside_a_row_comes_with_its_number),
        CASE(outside_no_more_than_parallel_are_at_work),
        CASE(outside_thousands_of_rows_are_each_done_once),
        CASE(outside_large_rows_go_through_whole),
        CASE(outside_what_is_lacking_is_waited_for),
        CASE(outside_what_is_lacking_fails_when_nobody_holds_it),
        CASE(outside_a_signal_ends_the_running_and_starts_no_more),
        CASE(outside_children_that_end_well_after_a_signal_are_taken),
        CASE(outside_a_signal_before_the_first_start_is_told),
        CASE(outside_a_child_that_ignores_term_is_killed),
    };
    return run_all(tests, prepare, NULL);
}
