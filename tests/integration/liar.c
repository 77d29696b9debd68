#include "liar.h"

#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS_MOST  256
#define HELD_BYTES  ((size_t)256 * 1024) /* not sent yet, while the same is said again and again */
#define TEXT_BYTES  65536

struct liar_shared {
    atomic_long told[LIES_MOST];
};

/* A connection. */
struct call {
    int fd; /* -1: not in use */
    size_t lie;
    char in[TEXT_BYTES * 2], *out;
    size_t in_count, out_count, out_capacity;
    char text[TEXT_BYTES]; /* of the statement that was parsed last */
    bool begun;            /* its startup message came */
    bool failed;           /* skips to the next sync */
    bool cleaned;          /* DISCARD was executed since the last sync: nothing will be asked for a while */
    bool closing, silent, again;
};

struct desk {
    const struct lie *lies;
    size_t count;
    struct liar_shared *shared;
    int listeners[LIES_MOST];
    struct call calls[CALLS_MOST];
};

/* --- saying --- */

static void put(struct call *call, const void *bytes, size_t count) {
    if (count == 0)
        return;
    if (call->out_count + count > call->out_capacity) {
        call->out_capacity = 2 * (call->out_count + count);
        call->out = realloc(call->out, call->out_capacity);
        if (!call->out)
            abort();
    }
    memcpy(call->out + call->out_count, bytes, count);
    call->out_count += count;
}

static void say(struct call *call, char type, const char *body, size_t count) {
    uint32_t length = htonl((uint32_t)count + 4);
    put(call, &type, 1);
    put(call, &length, 4);
    put(call, body, count);
}

static void say_ready(struct call *call) {
    say(call, 'Z', "I", 1);
}

static void say_tag(struct call *call, const char *tag) {
    say(call, 'C', tag, strlen(tag) + 1);
}

/* Columns of text, all called c. */
static void say_columns(struct call *call, int count) {
    char body[1024];
    uint16_t n = htons((uint16_t)count);
    size_t at = 2;
    memcpy(body, &n, 2);
    for (int i = 0; i < count; i++) {
        memcpy(body + at, "c\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0", 20);
        at += 20;
    }
    say(call, 'T', body, at);
}

static void say_row(struct call *call, int count, const char *const *values) {
    char body[4096];
    uint16_t n = htons((uint16_t)count);
    size_t at = 2;
    memcpy(body, &n, 2);
    for (int i = 0; i < count; i++) {
        size_t bytes = values[i] ? strlen(values[i]) : 0;
        uint32_t length = htonl(values[i] ? (uint32_t)bytes : UINT32_MAX);
        memcpy(body + at, &length, 4);
        memcpy(body + at + 4, values[i] ? values[i] : "", bytes);
        at += 4 + bytes;
    }
    say(call, 'D', body, at);
}

/* Whatever was said before in this place, this is not that. */
static void number(char *bytes) {
    static unsigned long long count;
    char digits[9];
    snprintf(digits, sizeof digits, "%08llx", ++count);
    memcpy(bytes, digits, 8);
}

static void say_words(struct call *call, const char *words) {
    char copy[4096], *rest = copy;
    const char *values[32];
    int count = 0;
    snprintf(copy, sizeof copy, "%s", words);
    for (char *value; count < 32 && (value = strsep(&rest, "|"));)
        values[count++] = strcmp(value, "~") == 0 ? NULL : value;
    say_row(call, count, values);
}

static void say_message(struct call *call, const struct message *message) {
    uint32_t length = htonl(message->claims ? message->claims : (uint32_t)message->bytes_count + 4);
    size_t start = call->out_count + 5;
    if (message->type == LIAR_ROW) {
        say_words(call, message->bytes);
    } else if (message->type == LIAR_COLUMNS) {
        say_columns(call, (int)message->claims);
    } else {
        if (message->type) {
            put(call, &message->type, 1);
            put(call, &length, 4);
        }
        put(call, message->bytes, message->bytes_count);
        if (strcmp(message->bytes, NUMBERED) == 0)
            number(call->out + start);
    }
}

/* --- lying --- */

/* Whether that was all there is to say. */
static bool lie(struct desk *desk, struct call *call, enum when when) {
    const struct lie *told = &desk->lies[call->lie];
    if (told->when != when)
        return false;
    atomic_fetch_add(&desk->shared->told[call->lie], 1);
    for (size_t i = 0; i < 4 && told->messages[i].bytes; i++) {
        say_message(call, &told->messages[i]);
        call->failed |= told->messages[i].type == 'E';
    }
    call->closing = told->after == THEN_CLOSE;
    call->silent = told->after == THEN_SILENCE;
    call->again = told->after == THEN_AGAIN;
    return true;
}

static void say_again(struct desk *desk, struct call *call) {
    const struct lie *told = &desk->lies[call->lie];
    while (call->again && call->out_count < HELD_BYTES)
        for (size_t i = 0; i < 4 && told->messages[i].bytes; i++)
            say_message(call, &told->messages[i]);
}

static bool is_over(const struct call *call) {
    return call->closing || call->silent || call->again;
}

/* --- what is asked --- */

static bool has(const struct call *call, const char *words) {
    return strstr(call->text, words) != NULL;
}

static enum when kind_of(const struct call *call) {
    if (has(call, "headgate sample"))
        return has(call, "max_connections") ? WHEN_FACTS : WHEN_BACKENDS;
    if (has(call, "headgate task="))
        return WHEN_WORK;
    if (has(call, "DISCARD ALL"))
        return WHEN_CLEAN;
    if (has(call, "restore("))
        return WHEN_RESTORE;
    return strcmp(call->text, "COMMIT") == 0 ? WHEN_COMMIT : WHEN_NEVER;
}

/* Ten facts of a server of 100 slots, thirteen columns of the one that asks; a text of others has one. */
static int columns_of(const struct call *call) {
    switch (kind_of(call)) {
    case WHEN_FACTS: return 10;
    case WHEN_BACKENDS: return 13;
    default: return strstr(call->text, "SELECT") && !has(call, "DO $") ? 1 : 0;
    }
}

static void answer_rows(struct call *call) {
    static const char *const facts[] = {"100", "3", "0", "f", "f", "-1", "-1", "f", NULL, "1700000000.5"};
    static const char *const backend[] = {"1", "10", "5",    "x",   "active", NULL, "f",
                                          "t", "f",  "4711", "1.5", "0.1",    "0.1"};
    static const char *const array[] = {"[]"};
    switch (kind_of(call)) {
    case WHEN_FACTS: say_row(call, 10, facts); break;
    case WHEN_BACKENDS: say_row(call, 13, backend); break;
    default: say_row(call, 1, array); break;
    }
}

static const char *tag_of(const struct call *call) {
    static const char *const tags[] = {"BEGIN", "COMMIT", "ROLLBACK", "DISCARD ALL", "SET", "LOCK TABLE", "CALL"};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (strncmp(call->text, tags[i], strlen(tags[i])) == 0)
            return tags[i];
    return columns_of(call) ? "SELECT 1" : "DO";
}

static void execute(struct desk *desk, struct call *call) {
    call->cleaned |= kind_of(call) == WHEN_CLEAN;
    if (kind_of(call) != WHEN_NEVER && lie(desk, call, kind_of(call)))
        return;
    if (columns_of(call))
        answer_rows(call);
    say_tag(call, tag_of(call));
}

/* What the lie of this statement brings is all of its answer. */
static bool is_lied_about(const struct desk *desk, const struct call *call) {
    return kind_of(call) != WHEN_NEVER && desk->lies[call->lie].when == kind_of(call);
}

static void describe(struct desk *desk, struct call *call) {
    if (is_lied_about(desk, call))
        return;
    if (columns_of(call))
        say_columns(call, columns_of(call));
    else
        say(call, 'n', "", 0);
}

static void sync_arrived(struct desk *desk, struct call *call) {
    bool cleaned = call->cleaned;
    call->cleaned = call->failed = false;
    if (!lie(desk, call, WHEN_SYNC) || !is_over(call))
        say_ready(call);
    if (cleaned)
        lie(desk, call, WHEN_IDLE);
}

static void take(struct desk *desk, struct call *call, char type, const char *body, size_t count) {
    if (call->failed && type != 'S' && type != 'X')
        return;
    switch (type) {
    case 'P': {
        const char *text = memchr(body, '\0', count);
        text = text ? text + 1 : "";
        strncpy(call->text, text, sizeof call->text - 1);
        say(call, '1', "", 0);
        break;
    }
    case 'B': say(call, '2', "", 0); break;
    case 'D': describe(desk, call); break;
    case 'E': execute(desk, call); break;
    case 'S': sync_arrived(desk, call); break;
    case 'Q':
        strncpy(call->text, body, sizeof call->text - 1);
        if (columns_of(call))
            say_columns(call, columns_of(call));
        execute(desk, call);
        call->failed = false;
        if (!is_over(call))
            say_ready(call);
        break;
    case 'X': call->closing = true; break;
    default: break;
    }
}

static void log_in(struct desk *desk, struct call *call) {
    static const char version[] = "server_version\00015.1", encoding[] = "client_encoding\0UTF8",
                      server[] = "server_encoding\0UTF8", dates[] = "integer_datetimes\0on";
    call->begun = true;
    if (lie(desk, call, WHEN_STARTUP))
        return;
    say(call, 'R', "\0\0\0\0", 4);
    say(call, 'S', version, sizeof version);
    say(call, 'S', encoding, sizeof encoding);
    say(call, 'S', server, sizeof server);
    say(call, 'S', dates, sizeof dates);
    say(call, 'K', "\0\0\x12\x67\0\0\0\1", 8);
    if (!lie(desk, call, WHEN_LOGIN) || !is_over(call))
        say_ready(call);
}

static void take_startup(struct desk *desk, struct call *call, const char *body, size_t count) {
    uint32_t code;
    memcpy(&code, body, count < 4 ? 0 : 4);
    code = count < 4 ? 0 : ntohl(code);
    if (code == 80877103 || code == 80877104) { /* SSLRequest, GSSENCRequest */
        if (code == 80877104 || !lie(desk, call, WHEN_SSL))
            put(call, "N", 1);
    } else if (code == 80877102) { /* CancelRequest */
        call->closing = true;
    } else {
        log_in(desk, call);
    }
}

/* Whole messages of what came in. */
static void take_all(struct desk *desk, struct call *call) {
    for (;;) {
        size_t head = call->begun ? 5 : 4;
        uint32_t length;
        if (call->in_count < head || is_over(call))
            return;
        memcpy(&length, call->in + head - 4, 4);
        size_t whole = head - 4 + ntohl(length);
        if (call->in_count < whole)
            return;
        if (call->begun)
            take(desk, call, call->in[0], call->in + head, whole - head);
        else
            take_startup(desk, call, call->in + head, whole - head);
        memmove(call->in, call->in + whole, call->in_count - whole);
        call->in_count -= whole;
    }
}

/* --- the process --- */

static void hang_up(struct call *call) {
    close(call->fd);
    free(call->out);
    *call = (struct call){.fd = -1};
}

static void serve(struct desk *desk, struct call *call, short events) {
    if (events & (POLLIN | POLLHUP | POLLERR)) {
        if (call->in_count >= sizeof call->in - 1)
            call->in_count = 0; /* more than anybody asks for: a liar need not listen */
        ssize_t got = recv(call->fd, call->in + call->in_count, sizeof call->in - 1 - call->in_count, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            hang_up(call);
            return;
        }
        call->in_count += got > 0 ? (size_t)got : 0;
        take_all(desk, call);
    }
    say_again(desk, call);
    ssize_t sent = call->out_count ? send(call->fd, call->out, call->out_count, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
    if (sent > 0) {
        memmove(call->out, call->out + sent, call->out_count - (size_t)sent);
        call->out_count -= (size_t)sent;
    }
    if ((sent < 0 && errno != EAGAIN) || (call->closing && call->out_count == 0))
        hang_up(call);
}

static void accept_call(struct desk *desk, size_t lie_index) {
    int fd = accept4(desk->listeners[lie_index], NULL, NULL, SOCK_CLOEXEC);
    for (size_t i = 0; fd >= 0 && i < CALLS_MOST; i++) {
        if (desk->calls[i].fd >= 0)
            continue;
        desk->calls[i] = (struct call){.fd = fd, .lie = lie_index};
        return;
    }
    close(fd);
}

static void desk_turn(struct desk *desk) {
    static struct pollfd polled[LIES_MOST + CALLS_MOST];
    for (size_t i = 0; i < LIES_MOST; i++)
        polled[i] = (struct pollfd){.fd = i < desk->count ? desk->listeners[i] : -1, .events = POLLIN};
    for (size_t i = 0; i < CALLS_MOST; i++) {
        struct call *call = &desk->calls[i];
        bool has_more = call->out_count || call->again || call->closing;
        polled[LIES_MOST + i] =
            (struct pollfd){.fd = call->fd, .events = (short)(has_more ? POLLIN | POLLOUT : POLLIN)};
    }
    poll(polled, LIES_MOST + CALLS_MOST, -1);
    for (size_t i = 0; i < CALLS_MOST; i++)
        if (polled[LIES_MOST + i].revents && desk->calls[i].fd >= 0)
            serve(desk, &desk->calls[i], polled[LIES_MOST + i].revents);
    for (size_t i = 0; i < desk->count; i++)
        if (polled[i].revents)
            accept_call(desk, i);
}

static int listen_somewhere(int *ret_port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 16), 0);
    getsockname(listener, (struct sockaddr *)&address, &bytes);
    *ret_port = ntohs(address.sin_port);
    return listener;
}

void liar_start(struct liar *liar, const struct lie *lies, size_t count) {
    static struct desk desk;
    assert_in_range(count, 1, LIES_MOST);
    desk = (struct desk){.lies = lies, .count = count};
    liar->shared = mmap(NULL, sizeof *liar->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(liar->shared != MAP_FAILED);
    desk.shared = liar->shared;
    for (size_t i = 0; i < count; i++)
        desk.listeners[i] = listen_somewhere(&liar->ports[i]);
    for (size_t i = 0; i < CALLS_MOST; i++)
        desk.calls[i].fd = -1;
    liar->pid = fork();
    if (liar->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            desk_turn(&desk);
    }
    for (size_t i = 0; i < count; i++)
        close(desk.listeners[i]);
}

long liar_told(const struct liar *liar, size_t lie) {
    return atomic_load(&liar->shared->told[lie]);
}

void liar_stop(struct liar *liar) {
    kill(liar->pid, SIGKILL);
    waitpid(liar->pid, NULL, 0);
    munmap(liar->shared, sizeof *liar->shared);
}
