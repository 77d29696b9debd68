#include "pool/login/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "pool/login/receive.h"
#include "tasks/duration.h"
#include "tasks/instant.h"

struct attempt *attempt_create(const char *name, int64_t timeout_us) {
    struct attempt *attempt = calloc(1, sizeof *attempt);
    if (!attempt)
        abort();
    pthread_mutex_init(&attempt->lock, NULL);
    attempt->fd = -1;
    attempt->timeout_us = timeout_us;
    attempt->name = name ? text_copy(name) : NULL;
    return attempt;
}

void attempt_add(struct attempt *attempt, const char *keyword, const char *value) {
    if (!value || !*value || attempt->keyword_count == ATTEMPT_KEYWORDS_MAX)
        return;
    attempt->keywords[attempt->keyword_count] = text_copy(keyword);
    attempt->values[attempt->keyword_count++] = text_copy(value);
}

/* The values may hold a password. */
void attempt_drop(void *data) {
    struct attempt *attempt = data;
    for (uint32_t i = 0; i < attempt->keyword_count; i++) {
        explicit_bzero(attempt->values[i], strlen(attempt->values[i]));
        free(attempt->values[i]);
        free(attempt->keywords[i]);
    }
    for (uint32_t i = 0; i < attempt->address_count; i++)
        free(attempt->addresses[i]);
    if (attempt->fd >= 0)
        close(attempt->fd);
    PQfinish(attempt->conn);
    text_finish(&attempt->error);
    free(attempt->name);
    pthread_mutex_destroy(&attempt->lock);
    free(attempt);
}

int attempt_leave(struct attempt *attempt) {
    pthread_mutex_lock(&attempt->lock);
    int fd = attempt->fd;
    attempt->fd = -1;
    attempt->left = true;
    pthread_mutex_unlock(&attempt->lock);
    return fd;
}

/* --- a name --- */

static void look_up(struct attempt *attempt) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    char numeric[NI_MAXHOST];
    int error = getaddrinfo(attempt->name, NULL, &hints, &found);
    for (struct addrinfo *one = found; one && attempt->address_count < ATTEMPT_ADDRESSES_MAX;
         one = one->ai_next)
        if (getnameinfo(one->ai_addr, one->ai_addrlen, numeric, sizeof numeric, NULL, 0, NI_NUMERICHOST) == 0)
            attempt->addresses[attempt->address_count++] = text_copy(numeric);
    if (found)
        freeaddrinfo(found);
    if (error)
        text_add(&attempt->error, "could not translate host name \"%s\" to address: %s", attempt->name,
                 gai_strerror(error));
}

/* --- an address --- */

static void drop_notice(void *context, const PGresult *result) {
    (void)context;
    (void)result;
}

int64_t attempt_clock_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

bool attempt_wait(int socket, PostgresPollingStatusType what, int64_t deadline_us) {
    struct pollfd polled = {.fd = socket, .events = what == PGRES_POLLING_READING ? POLLIN : POLLOUT};
    for (;;) {
        int64_t left_us = deadline_us - attempt_clock_us();
        int count = left_us > 0 ? poll(&polled, 1, (int)(left_us / US_PER_MS + 1)) : 0;
        if (count >= 0 || errno != EINTR)
            return count != 0;
    }
}

/* A backend takes its slot when the startup packet has come. Before it, TLS is only talked about. */
static bool may_have_backend(PGconn *conn) {
    switch (PQstatus(conn)) {
    case CONNECTION_BAD:
    case CONNECTION_NEEDED:
    case CONNECTION_STARTED:
    case CONNECTION_MADE:
    case CONNECTION_SSL_STARTUP:
    case CONNECTION_GSS_STARTUP: return false;
    default: return true;
    }
}

/* libpq may go on with another socket, after a refusal of TLS, say. */
static void note_socket(struct attempt *attempt, PGconn *conn, int *noted) {
    int socket = PQsocket(conn);
    if (!may_have_backend(conn))
        *noted = -1;
    if (!may_have_backend(conn) || socket == *noted)
        return;
    *noted = socket;
    int fd = fcntl(socket, F_DUPFD_CLOEXEC, 3);
    pthread_mutex_lock(&attempt->lock);
    int before = attempt->fd;
    attempt->fd = attempt->left ? -1 : fd;
    bool unwanted = attempt->left;
    pthread_mutex_unlock(&attempt->lock);
    if (before >= 0)
        close(before);
    if (unwanted && fd >= 0)
        close(fd);
}

static bool is_left(struct attempt *attempt) {
    pthread_mutex_lock(&attempt->lock);
    bool left = attempt->left;
    pthread_mutex_unlock(&attempt->lock);
    return left;
}

/* A login needs some thousand bytes, certificates included. */
#define LOGIN_AT_ONCE_BYTES ((size_t)16 * 1024)
#define LOGIN_BYTES_MOST    ((size_t)256 * 1024)

static void try_address(struct attempt *attempt) {
    PGconn *conn =
        PQconnectStartParams((const char *const *)attempt->keywords, (const char *const *)attempt->values, 1);
    if (!conn)
        abort();
    PQsetNoticeReceiver(conn, drop_notice, NULL); /* its own would write to stderr */
    PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
    int64_t deadline_us = attempt_clock_us() + attempt->timeout_us;
    int noted = -1;
    bool in_time = true;
    char timeout[DURATION_TEXT_BYTES];
    size_t bytes_sum = 0, bytes_count;
    PostgresPollingStatusType next =
        PQstatus(conn) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) {
        in_time = attempt_wait(PQsocket(conn), next, deadline_us);
        if (!in_time || is_left(attempt) || bytes_sum > LOGIN_BYTES_MOST)
            break;
        next = receive_login(conn, LOGIN_AT_ONCE_BYTES, &bytes_count);
        bytes_sum += bytes_count;
        note_socket(attempt, conn, &noted);
    }
    if (next == PGRES_POLLING_OK) {
        PQsetErrorVerbosity(conn, PQERRORS_DEFAULT); /* the SQLSTATE was for a refusal only */
        attempt->conn = conn;
        return;
    }
    if (bytes_sum > LOGIN_BYTES_MOST)
        text_add(&attempt->error, "the server sends without end and does not let us in");
    else if (in_time)
        text_add(&attempt->error, "%s", PQerrorMessage(conn));
    else
        text_add(&attempt->error,
                 "connection to server at \"%s\", port %s failed: no answer within connect_timeout (%s)",
                 PQhost(conn), PQport(conn), duration_glance(attempt->timeout_us, timeout));
    PQfinish(conn);
}

void attempt_work(void *data) {
    struct attempt *attempt = data;
    if (attempt->name)
        look_up(attempt);
    else
        try_address(attempt);
}
