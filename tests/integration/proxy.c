#include "proxy.h"

#include "harness.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINES_MOST 64
#define COMMIT_ANSWER_BYTES                                                                                  \
    32 /* of the extended protocol: that it is parsed, bound, described, done, and ready */

struct proxy_shared {
    atomic_bool armed;
    atomic_long cuts, late_cuts;
};

/* One connection; in a transaction from the bytes with BEGIN to those with the tag COMMIT. */
struct line {
    int fds[2]; /* the client, the server; -1: not in use */
    bool in_transaction, commit_sent;
    long bytes;   /* of this transaction, in both directions */
    long cut_at;  /* so many; -1: not */
    long late_at; /* the same, counted from when COMMIT was sent */
};

struct relay {
    struct line lines[LINES_MOST];
    struct proxy_shared *shared;
    const char *socket_path;
    int listener;
    unsigned seed;
    long usual_bytes; /* of the last whole transaction */
};

static bool has(const char *bytes, size_t count, const char *text, size_t text_bytes) {
    return memmem(bytes, count, text, text_bytes) != NULL;
}

/* Half of them without a farewell. */
static void hang_up(struct relay *relay, struct line *line) {
    struct linger reset = {.l_onoff = 1};
    if (rand_r(&relay->seed) % 2)
        setsockopt(line->fds[0], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    for (int i = 0; i < 2; i++) {
        close(line->fds[i]);
        line->fds[i] = -1;
    }
}

static bool pass_on(int fd, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        count -= (size_t)sent;
    }
    return true;
}

/* Half of the cuts are anywhere, half in the answer to COMMIT, of which there are few bytes. */
static void begin(struct relay *relay, struct line *line) {
    line->in_transaction = true;
    line->commit_sent = false;
    line->bytes = 0;
    line->cut_at = line->late_at = -1;
    if (!atomic_exchange(&relay->shared->armed, false))
        return;
    if (rand_r(&relay->seed) % 2)
        line->cut_at = rand_r(&relay->seed) % (relay->usual_bytes + 1);
    else
        line->late_at = rand_r(&relay->seed) % (COMMIT_ANSWER_BYTES + 1);
}

static void follow(struct relay *relay, struct line *line, int from, const char *bytes, size_t count) {
    if (from == 0 && !line->in_transaction && has(bytes, count, "BEGIN", 5))
        begin(relay, line);
    if (!line->in_transaction)
        return;
    line->bytes += (long)count;
    if (from == 0 && !line->commit_sent && has(bytes, count, "COMMIT", 6)) {
        line->commit_sent = true;
        if (line->late_at >= 0)
            line->cut_at = line->bytes + line->late_at;
    }
    if (from == 1 && (has(bytes, count, "COMMIT", 7) || has(bytes, count, "ROLLBACK", 9))) {
        line->in_transaction = false;
        relay->usual_bytes = line->bytes;
    }
}

/* False: this line is over. */
static bool carry(struct relay *relay, struct line *line, int from) {
    char bytes[16384];
    ssize_t got = recv(line->fds[from], bytes, sizeof bytes, 0);
    if (got <= 0)
        return false;
    bool was_in = line->in_transaction;
    long before = was_in ? line->bytes : 0;
    follow(relay, line, from, bytes, (size_t)got);
    bool is_in = was_in || line->in_transaction;
    if (!is_in || line->cut_at < 0 || line->cut_at > before + got) {
        if (is_in && !line->in_transaction && (line->cut_at >= 0 || line->late_at >= 0)) {
            line->cut_at = line->late_at = -1; /* it was shorter than the last: another one, then */
            atomic_store(&relay->shared->armed, true);
        }
        return pass_on(line->fds[!from], bytes, (size_t)got);
    }
    pass_on(line->fds[!from], bytes, (size_t)(line->cut_at - before));
    atomic_fetch_add(&relay->shared->late_cuts, line->commit_sent && from == 1);
    atomic_fetch_add(&relay->shared->cuts, 1);
    return false;
}

static void accept_line(struct relay *relay) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int client = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC);
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strcpy(address.sun_path, relay->socket_path);
    for (int i = 0; i < LINES_MOST; i++) {
        struct line *line = &relay->lines[i];
        if (line->fds[0] >= 0)
            continue;
        if (connect(server, (struct sockaddr *)&address, sizeof address) != 0)
            break;
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        *line = (struct line){.fds = {client, server}, .cut_at = -1};
        return;
    }
    close(client);
    close(server);
}

static void relay_turn(struct relay *relay) {
    struct pollfd polled[1 + 2 * LINES_MOST];
    polled[0] = (struct pollfd){.fd = relay->listener, .events = POLLIN};
    for (int i = 0; i < 2 * LINES_MOST; i++)
        polled[1 + i] = (struct pollfd){.fd = relay->lines[i / 2].fds[i % 2], .events = POLLIN};
    if (poll(polled, 1 + 2 * LINES_MOST, -1) < 0)
        return;
    for (int i = 0; i < 2 * LINES_MOST; i++) {
        struct line *line = &relay->lines[i / 2];
        if (polled[1 + i].revents && line->fds[0] >= 0 && !carry(relay, line, i % 2))
            hang_up(relay, line);
    }
    if (polled[0].revents)
        accept_line(relay);
}

static void relay_run(struct relay *relay) {
    for (int i = 0; i < LINES_MOST; i++)
        relay->lines[i].fds[0] = relay->lines[i].fds[1] = -1;
    for (;;)
        relay_turn(relay);
}

void proxy_start(struct proxy *proxy, const char *socket_path, uint32_t seed) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, LINES_MOST), 0);
    getsockname(listener, (struct sockaddr *)&address, &bytes);
    proxy->port = ntohs(address.sin_port);
    proxy->shared =
        mmap(NULL, sizeof *proxy->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(proxy->shared != MAP_FAILED);
    proxy->pid = fork();
    if (proxy->pid == 0) {
        static struct relay relay;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        relay.shared = proxy->shared;
        relay.socket_path = socket_path;
        relay.listener = listener;
        relay.seed = seed;
        relay.usual_bytes = 400;
        relay_run(&relay);
    }
    close(listener);
}

void proxy_arm(struct proxy *proxy) {
    atomic_store(&proxy->shared->armed, true);
}

long proxy_cut_count(const struct proxy *proxy) {
    return atomic_load(&proxy->shared->cuts);
}

long proxy_late_cut_count(const struct proxy *proxy) {
    return atomic_load(&proxy->shared->late_cuts);
}

void proxy_stop(struct proxy *proxy) {
    kill(proxy->pid, SIGKILL);
    waitpid(proxy->pid, NULL, 0);
    munmap(proxy->shared, sizeof *proxy->shared);
}
