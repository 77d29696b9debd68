#include "pool/login/login.h"

#include <arpa/inet.h>
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pool/login/attempt.h"
#include "tasks/duration.h"
#include "tasks/instant.h"

/* A thread that keeps the time itself is a little ahead; this is for one that computes, or looks up a name.
 */
#define GRACE_US (500 * US_PER_MS)

#define PAIRS_MAX    12  /* the sessions give four, the text, and two; nobody gives more */
#define REASON_BYTES 400 /* of each host's, in the message */

/* Keywords and values, owned, in the order in which libpq gets them; behind `behind_at` those that the host's
 * own come before. */
struct pairs {
    char *keywords[PAIRS_MAX], *values[PAIRS_MAX];
    uint32_t count, behind_at;
};

/* What is tried: the hosts in their order, of each its addresses; for prefer-standby all of them twice. */
struct login {
    struct pairs pairs;
    int64_t timeout_us;
    struct conninfo_hosts hosts;
    uint32_t host_at;
    char *addresses[ATTEMPT_ADDRESSES_MAX]; /* of the host, where its name was looked up */
    uint32_t address_count, address_at;
    bool looked_up;
    uint32_t round, round_count;

    struct attempt *attempt; /* under way */
    struct text reasons;
    struct login_failure failure;
    uint32_t failure_count;
    bool is_over; /* the other hosts will say no better */
    int fd;

    /* Without these for who waits. */
    struct aside *aside;
    struct aside_job *job;
    uv_timer_t *timer;
    login_callback *callback;
    void *context;
};

static void add_pair(struct pairs *pairs, const char *keyword, const char *value) {
    assert(pairs->count < PAIRS_MAX);
    pairs->keywords[pairs->count] = text_copy(keyword);
    pairs->values[pairs->count++] = text_copy(value);
}

static void add_pairs(struct pairs *pairs, const char *const (*given)[2]) {
    for (; given && (*given)[0]; given++)
        if ((*given)[1])
            add_pair(pairs, (*given)[0], (*given)[1]);
}

/* libpq's from 16 on; it would shuffle only one host. */
static void shuffle(struct conninfo_hosts *hosts) {
    for (uint32_t i = hosts->count; i > 1; i--) {
        uint32_t drawn = 0;
        if (getrandom(&drawn, sizeof drawn, GRND_NONBLOCK) != sizeof drawn)
            return;
        struct conninfo_host last = hosts->items[i - 1];
        hosts->items[i - 1] = hosts->items[drawn % i];
        hosts->items[drawn % i] = last;
    }
}

static struct login *create(const struct login_request *request) {
    struct login *login = calloc(1, sizeof *login);
    if (!login)
        abort();
    login->timeout_us = request->timeout_us;
    login->fd = -1;
    add_pairs(&login->pairs, request->before);
    add_pair(&login->pairs, "dbname", request->text);
    login->pairs.behind_at = login->pairs.count;
    add_pairs(&login->pairs, request->behind);
    conninfo_hosts(request->conninfo, &login->hosts);
    if (strcmp(conninfo_get(request->conninfo, "load_balance_hosts"), "random") == 0)
        shuffle(&login->hosts);
    bool twice = strcmp(conninfo_get(request->conninfo, "target_session_attrs"), "prefer-standby") == 0;
    login->round_count = twice && login->hosts.count > 1 ? 2 : 1;
    return login;
}

static void forget_addresses(struct login *login) {
    for (uint32_t i = 0; i < login->address_count; i++)
        free(login->addresses[i]);
    login->address_count = login->address_at = 0;
    login->looked_up = false;
}

static void destroy(struct login *login) {
    forget_addresses(login);
    for (uint32_t i = 0; i < login->pairs.count; i++) {
        explicit_bzero(login->pairs.values[i], strlen(login->pairs.values[i])); /* it may hold a password */
        free(login->pairs.values[i]);
        free(login->pairs.keywords[i]);
    }
    conninfo_hosts_finish(&login->hosts);
    text_finish(&login->reasons);
    free(login);
}

/* A line that says nothing any more: the server lets go of the locks of a host that is gone within seconds,
 * as we do of a server. Notices are dropped here, so they are not sent: libpq would hold a large one whole.
 * What the user gave stays first, so that on the same setting ours decides. */
void login_options(const struct conninfo *conninfo, int64_t statement_timeout_us, struct text *text) {
    text_add(text,
             "%s " CONNINFO_CHECKS_CLIENTS " -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2"
             " -c tcp_keepalives_count=3 -c tcp_user_timeout=10s -c client_min_messages=warning",
             conninfo_get(conninfo, "options"));
    if (statement_timeout_us)
        text_add(text, " -c statement_timeout=%" PRId64, (statement_timeout_us + 999) / 1000);
}

/* --- what is tried next --- */

static bool needs_lookup(const struct conninfo_host *host) {
    unsigned char address[sizeof(struct in6_addr)];
    return !*host->address && !conninfo_host_is_socket(host) &&
           inet_pton(AF_INET, host->name, address) != 1 && inet_pton(AF_INET6, host->name, address) != 1;
}

/* libpq takes the later of two values, and the earlier where the later is empty. */
static struct attempt *attempt_on(const struct login *login, const struct conninfo_host *host,
                                  const char *address) {
    struct attempt *attempt = attempt_create(NULL, login->timeout_us);
    bool is_list = login->hosts.count > 1;
    const struct pairs *pairs = &login->pairs;
    for (uint32_t i = 0; i < pairs->behind_at; i++)
        attempt_add(attempt, pairs->keywords[i], pairs->values[i]);
    attempt_add(attempt, "host", is_list && !*host->name && !*address ? "/var/run/postgresql" : host->name);
    attempt_add(attempt, "hostaddr", address);
    attempt_add(attempt, "port", is_list && !*host->port ? "5432" : host->port);
    if (login->round_count == 2)
        attempt_add(attempt, "target_session_attrs", login->round == 0 ? "standby" : "any");
    for (uint32_t i = pairs->behind_at; i < pairs->count; i++)
        attempt_add(attempt, pairs->keywords[i], pairs->values[i]);
    return attempt;
}

static void next_host(struct login *login) {
    forget_addresses(login);
    if (++login->host_at == login->hosts.count && ++login->round < login->round_count)
        login->host_at = 0;
}

/* NULL: all was tried. */
static struct attempt *next_attempt(struct login *login) {
    while (!login->is_over && login->host_at < login->hosts.count) {
        const struct conninfo_host *host = &login->hosts.items[login->host_at];
        if (!needs_lookup(host)) {
            struct attempt *attempt = attempt_on(login, host, host->address);
            next_host(login);
            return attempt;
        }
        if (!login->looked_up)
            return attempt_create(host->name, login->timeout_us);
        if (login->address_at < login->address_count)
            return attempt_on(login, host, login->addresses[login->address_at++]);
        next_host(login);
    }
    return NULL;
}

/* --- what came of it --- */

/* libpq's verbose message has the SQLSTATE as "FATAL:  53300: text" and the place in the server's source. */
static void read_sqlstate(const char *message, char sqlstate[static SQLSTATE_BYTES]) {
    *sqlstate = '\0';
    for (const char *at = message; (at = strstr(at, ":  ")) && !*sqlstate; at += 3) {
        const char *code = at + 3;
        if (strspn(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && code[5] == ':')
            memcpy(sqlstate, code, 5), sqlstate[5] = '\0';
    }
}

/* Where one host may be had by waiting, waiting is right. */
static enum connect_failure milder(enum connect_failure a, enum connect_failure b) {
    return a == CONNECT_NEEDS_PERSON ? b : b == CONNECT_NEEDS_PERSON || a == CONNECT_STARTING ? a : b;
}

/*
 * As libpq, no other host is asked where one of them has refused the login itself: it is the same user and
 * the same password there. One that starts up, or is not of the kind that target_session_attrs wants, is
 * passed.
 */
static void add_reason(struct login *login, const char *message) {
    size_t bytes = strcspn(message, "\n");
    struct login_failure *failure = &login->failure;
    read_sqlstate(message, failure->sqlstate);
    enum connect_failure kind = connect_failure_of(failure->sqlstate, message);
    bool refused = *failure->sqlstate && kind != CONNECT_UNREACHABLE && kind != CONNECT_STARTING;
    failure->kind = login->failure_count++ == 0 || refused ? kind : milder(failure->kind, kind);
    login->is_over = refused;
    if (login->reasons.bytes_count)
        text_add(&login->reasons, "; ");
    text_add_bytes(&login->reasons, message, bytes < REASON_BYTES ? bytes : REASON_BYTES);
}

/* A backend of an earlier host that was left may be at its end yet; what counts is the last one that was
 * reached. */
static void keep_fd(struct login *login, int fd) {
    if (fd < 0)
        return;
    if (login->fd >= 0)
        close(login->fd);
    login->fd = fd;
}

/* The connection, if it is one. */
static PGconn *take(struct login *login, struct attempt *attempt) {
    PGconn *conn = attempt->conn;
    attempt->conn = NULL;
    if (conn)
        return conn;
    keep_fd(login, attempt_leave(attempt));
    for (uint32_t i = 0; i < attempt->address_count; i++)
        login->addresses[i] = attempt->addresses[i];
    login->address_count = attempt->name ? attempt->address_count : login->address_count;
    login->looked_up |= attempt->name != NULL;
    attempt->address_count = 0;
    if (attempt->error.bytes_count)
        add_reason(login, attempt->error.bytes);
    else if (attempt->name && !login->address_count)
        add_reason(login, "the name of the host has no address");
    return NULL;
}

/* --- beside the loop --- */

static void free_handle(uv_handle_t *handle) {
    free(handle);
}

static void end(struct login *login, PGconn *conn) {
    login_callback *callback = login->callback;
    void *context = login->context;
    uv_close((uv_handle_t *)login->timer, free_handle);
    login->failure.message = login->reasons.bytes;
    int fd = login->fd;
    if (conn && fd >= 0) {
        close(fd);
        fd = -1;
    }
    callback(context, conn, conn ? NULL : &login->failure, fd);
    destroy(login);
}

static void go_on(struct login *login);

static void on_done(void *data) {
    struct attempt *attempt = data;
    struct login *login = attempt->login;
    login->job = NULL;
    login->attempt = NULL;
    uv_timer_stop(login->timer);
    PGconn *conn = take(login, attempt);
    if (conn)
        end(login, conn);
    else
        go_on(login);
}

static int leave(struct login *login) {
    if (!login->job)
        return -1;
    int fd = attempt_leave(login->attempt);
    aside_leave(login->job);
    login->job = NULL;
    login->attempt = NULL;
    return fd;
}

static void say_hung(struct login *login) {
    char timeout[DURATION_TEXT_BYTES];
    struct text reason = {0};
    const struct attempt *attempt = login->attempt;
    duration_glance(login->timeout_us, timeout);
    if (attempt->name)
        text_add(&reason, "could not translate host name \"%s\" to address within connect_timeout (%s)",
                 attempt->name, timeout);
    else
        text_add(&reason,
                 "no answer within connect_timeout (%s), in libpq or behind earlier attempts that hang there",
                 timeout);
    add_reason(login, reason.bytes);
    text_finish(&reason);
    login->looked_up |= attempt->name != NULL;
}

static void on_timer(uv_timer_t *timer) {
    struct login *login = timer->data;
    if (login->attempt) {
        say_hung(login);
        keep_fd(login, leave(login));
    }
    go_on(login);
}

static void go_on(struct login *login) {
    static const struct aside_work work = {attempt_work, on_done, attempt_drop};
    struct attempt *attempt = next_attempt(login);
    if (!attempt) {
        end(login, NULL);
        return;
    }
    attempt->login = login;
    login->job = aside_start(login->aside, &work, attempt);
    if (!login->job) {
        attempt_drop(attempt);
        add_reason(login,
                   "no thread could be made to connect: the process may have no more (ulimit -u, TasksMax)");
        end(login, NULL);
        return;
    }
    login->attempt = attempt;
    uv_update_time(login->timer->loop);
    uv_timer_start(login->timer, on_timer, (uint64_t)((login->timeout_us + GRACE_US) / US_PER_MS), 0);
}

struct login *login_start(uv_loop_t *loop, struct aside *aside, const struct login_request *request,
                          login_callback *callback, void *context) {
    struct login *login = create(request);
    login->timer = malloc(sizeof *login->timer);
    if (!login->timer || uv_timer_init(loop, login->timer) != 0)
        abort();
    login->timer->data = login;
    login->aside = aside;
    login->callback = callback;
    login->context = context;
    uv_timer_start(login->timer, on_timer, 0, 0);
    return login;
}

int login_leave(struct login *login) {
    uv_close((uv_handle_t *)login->timer, free_handle);
    int fd = leave(login);
    if (fd < 0)
        fd = login->fd;
    else if (login->fd >= 0)
        close(login->fd);
    destroy(login);
    return fd;
}

/* --- without a loop of one's own --- */

/* Each host that hangs keeps one, and the next host is tried on another. */
#define THREADS_AWAITED 64

struct awaited {
    PGconn *conn;
    struct text *error;
    enum connect_failure *kind;
};

static void on_awaited(void *context, PGconn *conn, const struct login_failure *failure, int fd) {
    struct awaited *awaited = context;
    awaited->conn = conn;
    if (failure) {
        text_add(awaited->error, "%s", failure->message);
        *awaited->kind = failure->kind;
    }
    if (fd >= 0)
        close(fd);
}

PGconn *login_now(const struct login_request *request, struct text *error, enum connect_failure *ret_kind) {
    struct awaited awaited = {.error = error, .kind = ret_kind};
    uv_loop_t loop;
    if (uv_loop_init(&loop) != 0)
        abort();
    struct aside *aside = aside_open(&loop, THREADS_AWAITED);
    login_start(&loop, aside, request, on_awaited, &awaited);
    uv_run(&loop, UV_RUN_DEFAULT);
    aside_close(aside);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return awaited.conn;
}
