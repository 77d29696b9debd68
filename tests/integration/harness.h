/*
 * A real PostgreSQL and the real daemon for the tests of this folder. Waiting is polling a condition with a
 * deadline; nothing here sleeps and hopes. A daemon dies with its test.
 */
#ifndef TESTS_INTEGRATION_HARNESS_H
#define TESTS_INTEGRATION_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>
#include <jansson.h>
#include <libpq-fe.h>

/* A new one, for its maker alone. */
void make_directory(char *path, size_t bytes);
/* A file system in memory, only this test's and its children's; options: of mount(8). False: this user may not. */
bool mount_disk(const char *path, const char *options);

struct server {
    char directory[128];
    char conninfo[512];
};

/* settings: "max_connections=20 log_connections=on", or "". --tcp in front: on a port of 127.0.0.1, too. */
void server_start(struct server *server, const char *settings);
/* verb: stop, restart; mode: fast, immediate. */
void server_do(const struct server *server, const char *verb, const char *mode);
void server_destroy(struct server *server);
/* How often the server's log holds the text. */
long server_log_count(const struct server *server, const char *text);

/* A PgBouncer in front of a server, in transaction mode, with 2 server connections for each user. */
struct pgbouncer {
    char directory[128];
    char conninfo[256]; /* through it to the server's database postgres, which it calls app */
    char console[256];
    pid_t pid;
};

/* settings: lines for its section [pgbouncer], or "". It dies with the test. */
void pgbouncer_start(struct pgbouncer *pgbouncer, const struct server *server, const char *settings);
/* Ends it at once and starts it again; its clients lose their connections. */
void pgbouncer_restart(struct pgbouncer *pgbouncer);
void pgbouncer_stop(struct pgbouncer *pgbouncer);

/* Closes it and returns when its backend is gone from the server: whoever counts sessions then does not count it. */
void depart(PGconn *conn);

/* One statement by a connection of its own, which departs; fails the test when it fails. */
void query(const char *conninfo, const char *sql);
long query_number(const char *conninfo, const char *sql);

struct process {
    pid_t pid;
    char ini[160];
    char log[160];
};

/* Writes the ini text (printf) to a new file in a new directory; does not start anything. */
void ini_write(struct process *process, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ini_rewrite(const struct process *process, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Starts `headgate run` on it and waits until it answers. */
void daemon_start(struct process *process);
/* Sends the signal (0: none) and waits for the end; the exit code, or 1000 + signal. */
int daemon_end(struct process *process, int signal);
/* With SIGKILL; it has not ended by itself before. */
void daemon_kill(struct process *process);
/* Told to stop twice, so that it waits for no run; it ends well. */
void daemon_stop(struct process *process);
long daemon_log_count(const struct process *process, const char *text);

/* A teardown: what a test left running is killed, and the directories of ini_write() are removed, with what is in them. */
int tidy(void **state);
/* What tidy() does first: ends a thread, say, which would go on into the next test. */
void tidy_also(void (*end)(void));

/* Runs a shell command line, `headgate` being the built one; the exit code; output in a static buffer. */
int shell(const char **ret_output, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The lines of a task that is not due as long as a test takes: it runs when it is triggered. In a static buffer. */
const char *never_due(void);
/* `headgate trigger`, which must not be refused. */
void trigger(const struct process *process, const char *task);

/* The dump, in a static buffer; and whether the words are in it. */
const char *dump_of(const struct process *process);
bool dump_has(const struct process *process, const char *words);

/* From status --json; -1 / "" when the daemon, task or pool is not there. */
long task_number(const struct process *process, const char *task, const char *field);
const char *task_text(const struct process *process, const char *task, const char *field);
/* Of the tasks whose names begin so, by one answer: all together, and of the one that has least; -1 when there is none. */
long tasks_sum(const struct process *process, const char *prefix, const char *field);
long tasks_least(const struct process *process, const char *prefix, const char *field);
long pool_tokens(const struct process *process, const char *pool, const char *field);
long pool_number(const struct process *process, const char *pool, const char *field);
/* Of its only pool. */
bool history_is_on(const struct process *process);

bool deadline_passed(int64_t since_us);
int64_t clock_us(void);
void breathe(void); /* between two polls */

#define WAIT_UNTIL(process, condition)                                                                                 \
    do {                                                                                                               \
        int64_t wait_began_us = clock_us();                                                                              \
        while (!(condition)) {                                                                                         \
            if (deadline_passed(wait_began_us))                                                                          \
                wait_failed(process, #condition, __FILE__, __LINE__);                                                  \
            breathe();                                                                                                 \
        }                                                                                                              \
    } while (0)

/* Prints the dump and the end of the log, and fails the test; what was waited for is its message. */
void wait_failed(const struct process *process, const char *condition, const char *file, int line);

/* Runs all tests of a program; what they left open when one of them failed is not looked for. */
#define run_all(tests, start, stop) tests_failed(cmocka_run_group_tests(tests, start, stop))
int tests_failed(int count);

#endif
