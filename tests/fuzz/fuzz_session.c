/*
 * A session against a server that says anything: an input is what it is asked for, then the server's bytes, with or
 * without an honest login before them. Whatever comes, each run is reported once, and the session ends when it is told.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "pool/session/session.h"
#include "pool/session/session_pool.h"
#include "pool/children/cargo.h"

/* Of a millisecond each where nothing happens: logins and cancels have threads. */
#define TURNS_MOST 20000

enum asked { ASK_NOTHING, ASK_SAMPLE, ASK_RUNS, ASK_SIMPLE, ASK_HISTORY, ASK_READ, ASK_CLAIM, ASK_VERIFY, ASKED };

static const char login[] = "R\0\0\0\10\0\0\0\0"
                            "S\0\0\0\31client_encoding\0UTF8\0"
                            "S\0\0\0\26server_version\00015\0"
                            "K\0\0\0\14\0\0\22\147\0\0\0\1"
                            "Z\0\0\0\5I";

static struct {
    uv_loop_t loop;
    struct session_pool *pool;
    struct spool_place place;
    char conninfo[200];
    int listener; /* 0: not set up */
    uint32_t run_count, ended_count;
    bool opened, over, gone;
} f;

static void on_report(void *context, const struct report *report, const struct failure *failure) {
    (void)context;
    f.opened |= report->kind == REPORT_SESSION_OPENED;
    f.over |= report->kind == REPORT_SESSION_FAILED || report->kind == REPORT_SESSION_BROKEN;
    f.gone |= report->kind == REPORT_SESSION_GONE;
    f.ended_count += report->kind == REPORT_RUN_ENDED || report->kind == REPORT_RUN_UNSENT;
    if (report->kind == REPORT_SAMPLED && report->sample->known)
        MUST(report->sample->scopes[SCOPE_SERVER].used >= 0 && report->sample->max_connections > 0);
    if (failure && failure->message)
        MUST(strlen(failure->message) <= TEXT_OUTSIDE_BYTES + 64);
}

static void set_up(void) {
    static char directory[80]; /* the path of a socket is short */
    const char *place = getenv("TMPDIR");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(directory, sizeof directory, "%s/headgate-fuzz.XXXXXX", place ? place : "/tmp");
    MUST(mkdtemp(directory));
    snprintf(f.conninfo, sizeof f.conninfo, "host=%s port=5432 user=u dbname=d", directory);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/.s.PGSQL.5432", directory);
    f.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    MUST(bind(f.listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(f.listener, 16) == 0);
    f.place.directory = directory;
    MUST(uv_loop_init(&f.loop) == 0);
}

static void open_pool(void) {
    static struct pool_settings settings = {.name = "p", .connect_timeout_us = 10 * US_PER_S};
    static struct taskset set = {.pools = &settings, .pool_count = 1};
    char *error = NULL;
    settings.conninfo = f.conninfo;
    f.pool = session_pool_create(&f.loop, &set, 0, 1, on_report, NULL, &error);
    MUST(f.pool);
    f.pool->daemon_name = "fuzz";
}

static void turn(void) {
    if (f.pool)
        session_pool_flush(f.pool);
    uv_run(&f.loop, UV_RUN_NOWAIT);
}

static void pass(void) {
    turn();
    poll(NULL, 0, 1);
}

/* What comes beside the session's own are cancels. */
static void drop_others(void) {
    int other = accept4(f.listener, NULL, NULL, SOCK_NONBLOCK);
    if (other >= 0)
        close(other);
}

static void ask_run(struct session *session, struct session_work work) {
    work.run = (struct handle){++f.run_count, 1};
    work.label = "t";
    work.transaction = true;
    static const struct schedule schedule = {.kind = SCHEDULE_EVERY, .every_us = 1000, .every_most_us = 1000};
    work.claimed = (struct claim_values){
        .service = "fuzz", .schedule = &schedule, .due_first = {1000}, .due_last = {2000}, .occurrence_count = 2};
    session_run(session, &work);
}

static void ask(struct session *session, enum asked asked, struct cargo *cargo) {
    struct history_question history = {.records = "[]", .daemon = "d", .makes_schema = true, .tasks = "[]"};
    switch (asked) {
    case ASK_SAMPLE: session_sample(session); break;
    case ASK_RUNS: /* the one in the middle is a guard */
        for (int i = 0; i < 3; i++)
            ask_run(session, (struct session_work){.sql = "SELECT 1", .proven = true, .stage = i == 1 ? SESSION_GUARD : SESSION_WHOLE});
        break;
    case ASK_SIMPLE: ask_run(session, (struct session_work){.sql = "SELECT 1; SELECT 2", .simple = true}); break;
    case ASK_HISTORY: session_history(session, &history); break;
    case ASK_READ: ask_run(session, (struct session_work){.sql = "SELECT 1", .stage = SESSION_READ, .cargo = cargo}); break;
    case ASK_CLAIM: ask_run(session, (struct session_work){.sql = "SELECT 1", .claim = CLAIM_BEFORE}); break;
    case ASK_VERIFY: session_verify(session); break;
    default: break;
    }
}

static void put(int fd, const uint8_t *data, size_t size) {
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent <= 0)
            return;
        data += sent;
        size -= (size_t)sent;
        turn();
    }
}

static int accept_session(void) {
    for (int i = 0; i < TURNS_MOST; i++) {
        turn();
        int fd = accept4(f.listener, NULL, NULL, SOCK_NONBLOCK);
        if (fd >= 0)
            return fd;
        poll(NULL, 0, 1);
    }
    return -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!f.listener)
        set_up();
    if (size < 2)
        return 0;
    bool honest = data[0] & 0x80;
    enum asked asked = (enum asked)(data[0] % ASKED);
    size_t half = (size - 2) * data[1] / 255;
    f.run_count = f.ended_count = 0;
    f.opened = f.over = f.gone = false;
    open_pool();
    struct cargo *cargo = cargo_create(&f.place, 4096);
    struct session *session = session_open(f.pool, (struct handle){1, 1});
    int fd = accept_session();
    MUST(fd >= 0);
    if (honest)
        put(fd, (const uint8_t *)login, sizeof login - 1);
    for (int i = 0; i < TURNS_MOST && honest && !f.opened && !f.over; i++)
        pass();
    if (f.opened && !f.over)
        ask(session, asked, cargo);
    put(fd, data + 2, half); /* in two pieces, so that they are met in the middle, too */
    put(fd, data + 2 + half, size - 2 - half);
    for (int i = 0; i < 8 && !f.over; i++)
        turn();
    shutdown(fd, SHUT_WR);
    for (int i = 0; i < TURNS_MOST && !f.over; i++, drop_others())
        pass();
    MUST(f.over);
    session_close(session, "the input is over");
    MUST(f.ended_count == f.run_count);
    close(fd);
    for (int i = 0; i < TURNS_MOST && !f.gone; i++, drop_others())
        pass();
    MUST(f.gone);
    session_forget(session);
    session_pool_release(f.pool);
    f.pool = NULL;
    cargo_destroy(cargo);
    for (int i = 0; i < TURNS_MOST && uv_loop_alive(&f.loop); i++, drop_others())
        pass();
    MUST(!uv_loop_alive(&f.loop));
    return 0;
}
