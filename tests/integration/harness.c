#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_US (180 * INT64_C(1000000)) /* with a third of a processor, too */

static const char *environment(const char *name) {
    const char *value = getenv(name);
    if (!value) {
        fprintf(stderr, "%s is not set; run these tests by `meson test` or tests/run\n", name);
        exit(1);
    }
    return value;
}

int64_t clock_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

bool deadline_passed(int64_t since_us) {
    return clock_us() - since_us > PATIENCE_US;
}

void breathe(void) {
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

void make_directory(char *path, size_t bytes) {
    const char *parent = getenv("TMPDIR");
    snprintf(path, bytes, "%s/hg.XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(path))
        fail_msg("mkdtemp %s: %s", path, strerror(errno));
}

int shell(const char **ret_output, const char *format, ...) {
    static char output[1 << 20];
    char line[8192], full[8400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    snprintf(full, sizeof full, "headgate() { \"$HEADGATE\" \"$@\"; }\n{ %s\n} 2>&1", line);
    FILE *pipe = popen(full, "r");
    size_t used = 0, got;
    while ((got = fread(output + used, 1, sizeof output - 1 - used, pipe)) > 0)
        used += got;
    output[used] = '\0';
    if (ret_output)
        *ret_output = output;
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static long count_in_file(const char *path, const char *text) {
    long count = 0;
    char line[16384];
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        count += strstr(line, text) != NULL;
    if (file)
        fclose(file);
    return count;
}

/* In a namespace of this test's own: it goes with the test, however that ends. */
bool mount_disk(const char *path, const char *options) {
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", path, "tmpfs", 0, options) == 0;
}

/* --- the server --- */

/* From its file: among what is printed there may be words of others, of the loader, say. */
static bool read_conninfo(struct server *server) {
    char path[160];
    snprintf(path, sizeof path, "%s/conninfo", server->directory);
    FILE *file = fopen(path, "r");
    bool right = file && fgets(server->conninfo, sizeof server->conninfo, file) && strncmp(server->conninfo, "host=", 5) == 0;
    if (file)
        fclose(file);
    server->conninfo[strcspn(server->conninfo, "\n")] = '\0';
    return right;
}

void server_start(struct server *server, const char *settings) {
    const char *output;
    bool tcp = strncmp(settings, "--tcp", 5) == 0;
    make_directory(server->directory, sizeof server->directory);
    int code = shell(&output, "%s/etc/lib/private-postgres start %s %s %s", environment("HEADGATE_SOURCE_ROOT"),
                     tcp ? "--tcp" : "", server->directory, tcp ? settings + 5 : settings);
    if (code != 0 || !read_conninfo(server))
        fail_msg("private-postgres: %s", output);
}

void server_do(const struct server *server, const char *verb, const char *mode) {
    const char *output;
    if (shell(&output, "%s/etc/lib/private-postgres %s %s %s", environment("HEADGATE_SOURCE_ROOT"), verb,
              server->directory, mode) != 0)
        fail_msg("private-postgres %s: %s", verb, output);
}

void server_destroy(struct server *server) {
    shell(NULL, "%s/etc/lib/private-postgres destroy %s", environment("HEADGATE_SOURCE_ROOT"), server->directory);
}

long server_log_count(const struct server *server, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/server.log", server->directory);
    return count_in_file(path, text);
}

/* --- PgBouncer --- */

static bool answers(const char *conninfo) {
    PGconn *conn = PQconnectdb(conninfo);
    bool right = PQstatus(conn) == CONNECTION_OK;
    PQfinish(conn);
    return right;
}

/* PgBouncer refuses to run as root. Each of these becomes the next one, so the pid is PgBouncer's; runuser forks. */
static void pgbouncer_launch(struct pgbouncer *pgbouncer) {
    pgbouncer->pid = fork();
    if (pgbouncer->pid == 0) {
        char line[512];
        snprintf(line, sizeof line,
                 "cd %s && PATH=$PATH:/usr/sbin && exec setpriv %s --pdeathsig KILL pgbouncer -q pgbouncer.ini"
                 " >>output 2>&1",
                 pgbouncer->directory, getuid() == 0 ? "--reuid postgres --regid postgres --init-groups" : "");
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(127);
    }
    for (int64_t since_us = clock_us(); !answers(pgbouncer->console); breathe()) {
        const char *output;
        if (waitpid(pgbouncer->pid, NULL, WNOHANG) != pgbouncer->pid && !deadline_passed(since_us))
            continue;
        shell(&output, "tail -n 20 %s/output", pgbouncer->directory);
        fail_msg("pgbouncer does not start: %s", output);
    }
}

void pgbouncer_start(struct pgbouncer *pgbouncer, const struct server *server, const char *settings) {
    make_directory(pgbouncer->directory, sizeof pgbouncer->directory);
    const char *at = pgbouncer->directory, *output;
    const char *reach = "host=%s port=6432 user=postgres dbname=%s";
    snprintf(pgbouncer->conninfo, sizeof pgbouncer->conninfo, reach, at, "app");
    snprintf(pgbouncer->console, sizeof pgbouncer->console, reach, at, "pgbouncer");
    int code = shell(&output,
                     "cd %s && cat >pgbouncer.ini <<'END'\n[databases]\napp = host=%s port=5432 dbname=postgres\n"
                     "[pgbouncer]\nunix_socket_dir = %s\nlisten_port = 6432\nauth_type = trust\nauth_file = users\n"
                     "admin_users = postgres\npool_mode = transaction\ndefault_pool_size = 2\n%s\nEND\n"
                     "printf '\"%%s\" \"\"\\n' postgres watcher other >users\n"
                     "[ $(id -u) != 0 ] || chown -R postgres .",
                     at, server->directory, at, settings);
    if (code != 0)
        fail_msg("pgbouncer.ini: %s", output);
    pgbouncer_launch(pgbouncer);
}

static void pgbouncer_end(struct pgbouncer *pgbouncer) {
    if (pgbouncer->pid <= 0)
        return;
    kill(pgbouncer->pid, SIGTERM);
    for (int64_t since_us = clock_us(); waitpid(pgbouncer->pid, NULL, WNOHANG) == 0; breathe())
        if (clock_us() - since_us > 5000000)
            kill(pgbouncer->pid, SIGKILL);
    pgbouncer->pid = 0;
}

void pgbouncer_restart(struct pgbouncer *pgbouncer) {
    pgbouncer_end(pgbouncer);
    pgbouncer_launch(pgbouncer);
}

void pgbouncer_stop(struct pgbouncer *pgbouncer) {
    pgbouncer_end(pgbouncer);
    shell(NULL, "rm -r %s", pgbouncer->directory);
}

/* --- statements --- */

/* The kernel closes the server's end when the backend has given back its slot and exits. */
void depart(PGconn *conn) {
    int fd = PQsocket(conn) >= 0 ? dup(PQsocket(conn)) : -1;
    struct pollfd ended = {.fd = fd, .events = POLLIN};
    char rest[4096];
    PQfinish(conn);
    for (int64_t since_us = clock_us(); fd >= 0 && !deadline_passed(since_us);)
        if (poll(&ended, 1, 1000) > 0 && recv(fd, rest, sizeof rest, MSG_DONTWAIT) <= 0)
            break;
    if (fd >= 0)
        close(fd);
}

static PGresult *ask(const char *conninfo, const char *sql, PGconn **ret_conn) {
    PGconn *conn = PQconnectdb(conninfo);
    if (PQstatus(conn) != CONNECTION_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    *ret_conn = conn;
    return result;
}

void query(const char *conninfo, const char *sql) {
    PGconn *conn;
    PQclear(ask(conninfo, sql, &conn));
    depart(conn);
}

long query_number(const char *conninfo, const char *sql) {
    PGconn *conn;
    PGresult *result = ask(conninfo, sql, &conn);
    long number = PQntuples(result) ? strtol(PQgetvalue(result, 0, 0), NULL, 10) : -1;
    PQclear(result);
    depart(conn);
    return number;
}

/* --- the daemon --- */

static void write_text(const char *path, const char *format, va_list arguments) {
    FILE *file = fopen(path, "w");
    vfprintf(file, format, arguments);
    fclose(file);
}

static struct {
    char directories[16][128];
    pid_t pids[16];
    int directory_count, pid_count;
    void (*end)(void);
} left;

void ini_write(struct process *process, const char *format, ...) {
    assert_true(left.directory_count < 16);
    char *directory = left.directories[left.directory_count++];
    make_directory(directory, sizeof left.directories[0]);
    snprintf(process->ini, sizeof process->ini, "%s/t.ini", directory);
    snprintf(process->log, sizeof process->log, "%s/log", directory);
    process->pid = 0;
    va_list arguments;
    va_start(arguments, format);
    write_text(process->ini, format, arguments);
    va_end(arguments);
}

void ini_rewrite(const struct process *process, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    write_text(process->ini, format, arguments);
    va_end(arguments);
}

static bool has_ended(const struct process *process) {
    return waitpid(process->pid, NULL, WNOHANG) == process->pid;
}

void daemon_start(struct process *process) {
    process->pid = fork();
    if (process->pid == 0) {
        int log = open(process->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(log, 1);
        dup2(log, 2);
        execl(environment("HEADGATE"), "headgate", "run", process->ini, (char *)NULL);
        _exit(127);
    }
    assert_true(left.pid_count < 16);
    left.pids[left.pid_count++] = process->pid;
    bool ended = false;
    WAIT_UNTIL(process, (ended = has_ended(process)) || shell(NULL, "headgate status %s", process->ini) == 0);
    left.pid_count -= ended;
    if (ended)
        wait_failed(process, "the daemon starts", __FILE__, __LINE__);
}

int daemon_end(struct process *process, int signal) {
    int status;
    if (signal)
        kill(process->pid, signal);
    for (int64_t since_us = clock_us(); waitpid(process->pid, &status, WNOHANG) == 0; breathe()) {
        if (deadline_passed(since_us)) {
            kill(process->pid, SIGKILL);
            wait_failed(process, "the daemon ends", __FILE__, __LINE__);
        }
    }
    for (int i = 0; i < left.pid_count; i++)
        if (left.pids[i] == process->pid)
            left.pids[i] = left.pids[--left.pid_count];
    process->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* With what a daemon leaves: commands at work there when it was killed, its socket, what was paused. */
static void remove_folder(const char *path) {
    shell(NULL,
          "find /proc/[0-9]*/cwd -maxdepth 0 -lname '%s*' 2>/dev/null | cut -d / -f 3 | xargs -r kill -KILL\n"
          "socket=$(headgate status %s/t.ini 2>&1 | sed -n 's/.*(\\(\\/[^:]*\\): .*/\\1/p')\n"
          "[ -z \"$socket\" ] || rm -f \"$socket\" \"$socket\".*\n"
          "awk '$2 ~ \"^%s\" {print $2}' /proc/mounts | xargs -r umount -l\n"
          "rm -r %s", path, path, path, path);
}

void tidy_also(void (*end)(void)) {
    left.end = end;
}

int tidy(void **state) {
    (void)state;
    if (left.end)
        left.end();
    for (; left.pid_count; left.pid_count--) {
        kill(left.pids[left.pid_count - 1], SIGKILL);
        waitpid(left.pids[left.pid_count - 1], NULL, 0);
    }
    for (; left.directory_count; left.directory_count--)
        remove_folder(left.directories[left.directory_count - 1]);
    return 0;
}

void daemon_kill(struct process *process) {
    if (daemon_end(process, SIGKILL) != 1000 + SIGKILL)
        wait_failed(process, "the daemon lives until it is killed", __FILE__, __LINE__);
}

void daemon_stop(struct process *process) {
    kill(process->pid, SIGINT);
    if (daemon_end(process, SIGTERM) != 0)
        wait_failed(process, "the daemon ends with 0", __FILE__, __LINE__);
}

long daemon_log_count(const struct process *process, const char *text) {
    return count_in_file(process->log, text);
}

const char *never_due(void) {
    static char lines[64];
    snprintf(lines, sizeof lines, "every = 1d\nphase = %lds\n", (long)((time(NULL) + 43200) % 86400));
    return lines;
}

void trigger(const struct process *process, const char *task) {
    const char *output;
    if (shell(&output, "headgate trigger %s %s", process->ini, task) != 0)
        fail_msg("trigger %s: %s", task, output);
}

/* --- the status --- */

const char *dump_of(const struct process *process) {
    static char dump[1 << 16];
    const char *output;
    if (shell(&output, "headgate status %s", process->ini) != 0)
        wait_failed(process, "the daemon answers", __FILE__, __LINE__);
    snprintf(dump, sizeof dump, "%s", output);
    return dump;
}

bool dump_has(const struct process *process, const char *words) {
    return strstr(dump_of(process), words) != NULL;
}

static bool lives(const struct process *process) {
    siginfo_t ended = {0};
    return process->pid > 0 && waitid(P_PID, (id_t)process->pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && !ended.si_pid;
}

/* On a slow machine an answer may come too late for who asks: as long as the daemon lives it is asked again. */
static json_t *ask_status(const struct process *process) {
    const char *output;
    for (int64_t since_us = clock_us();; breathe()) {
        if (shell(&output, "headgate status %s --json", process->ini) == 0)
            return json_loads(output, 0, NULL);
        if (!lives(process) || deadline_passed(since_us))
            return NULL;
    }
}

static json_t *item_named(const struct process *process, const char *list, const char *name, json_t **ret_all) {
    *ret_all = ask_status(process);
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(*ret_all, list), i, item) {
        if (strcmp(json_string_value(json_object_get(item, "name")), name) == 0)
            return item;
    }
    return NULL;
}

static long number_of(json_t *item, const char *field, json_t *all) {
    json_t *value = item ? json_object_get(item, field) : NULL;
    long number = value && json_is_integer(value) ? (long)json_integer_value(value) : -1;
    json_decref(all);
    return number;
}

long task_number(const struct process *process, const char *task, const char *field) {
    json_t *all, *item = item_named(process, "tasks", task, &all);
    return number_of(item, field, all);
}

/* Of the tasks of the prefix: how many there are, their sum and the least. */
struct several {
    long count, sum, least;
};

static struct several several_of(const struct process *process, const char *prefix, const char *field) {
    struct several several = {0};
    json_t *all = ask_status(process), *item;
    size_t i;
    json_array_foreach(json_object_get(all, "tasks"), i, item) {
        if (strncmp(json_string_value(json_object_get(item, "name")), prefix, strlen(prefix)) != 0)
            continue;
        long number = (long)json_integer_value(json_object_get(item, field));
        several.sum += number;
        several.least = several.count++ == 0 || number < several.least ? number : several.least;
    }
    json_decref(all);
    return several;
}

long tasks_sum(const struct process *process, const char *prefix, const char *field) {
    struct several several = several_of(process, prefix, field);
    return several.count ? several.sum : -1;
}

long tasks_least(const struct process *process, const char *prefix, const char *field) {
    struct several several = several_of(process, prefix, field);
    return several.count ? several.least : -1;
}

long pool_number(const struct process *process, const char *pool, const char *field) {
    json_t *all, *item = item_named(process, "pools", pool, &all);
    return number_of(item, field, all);
}

bool history_is_on(const struct process *process) {
    const char *output;
    return shell(&output, "headgate status %s --json", process->ini) == 0 && strstr(output, "{\"state\":\"on\"") != NULL;
}

long pool_tokens(const struct process *process, const char *pool, const char *field) {
    json_t *all, *item = item_named(process, "pools", pool, &all);
    return number_of(item ? json_object_get(item, "tokens") : NULL, field, all);
}

const char *task_text(const struct process *process, const char *task, const char *field) {
    static char text[8192];
    json_t *all, *item = item_named(process, "tasks", task, &all);
    const char *value = item ? json_string_value(json_object_get(item, field)) : NULL;
    snprintf(text, sizeof text, "%s", value ? value : "");
    json_decref(all);
    return text;
}

void wait_failed(const struct process *process, const char *condition, const char *file, int line) {
    const char *output = "";
    if (process) {
        shell(&output, "headgate status %s; tail -n 30 %s", process->ini, process->log);
        fprintf(stderr, "%s\n", output);
    }
    print_error("ERROR: waited in vain for: %s\n", condition); /* the last word, behind all that explains it */
    _fail(file, line);
}

/* A test that fails leaves its function at once, with all that it has open. That is no leak worth to bury its message under:
 * this is asked by the leak sanitizer, where there is one. */
static int failed_count;

int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) {
    return failed_count > 0;
}

int tests_failed(int count) {
    failed_count = count;
    return count;
}
