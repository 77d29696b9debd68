#include "scheduler/commands/ask.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "scheduler/daemon/control_path.h"
#include "scheduler/daemon/filelock.h"
#include "scheduler/daemon/load.h"
#include "scheduler/daemon/peer.h"
#include "scheduler/now.h"
#include "tasks/instant.h"

/* The longest answer is a dump of a million tasks with a line of some 200 bytes each. */
#define ANSWER_BYTES_MOST ((size_t)256 * 1024 * 1024)
/* The daemon answers within a turn of its loop; a debugger or a stopped machine may hold it for longer. */
#define PATIENCE_S     10 /* for the next piece */
#define ANSWER_MOST_US (30 * US_PER_S)

/* A place where the daemon may listen. */
struct place {
    struct sockaddr_un address;
    socklen_t bytes;
    const char *path; /* of a socket in a folder; NULL: the lock */
};

/* How a daemon turns away whom it does not answer: it hangs up. */
static bool say_hung_up(struct text *error) {
    text_add(error, "the daemon gave no answer; ask as the user that it runs as, or as root");
    return false;
}

static bool read_answer(int fd, struct text *answer, struct text *error) {
    static char chunk[65536];
    struct mono began = now_mono();
    ssize_t got;
    while ((got = read(fd, chunk, sizeof chunk)) > 0) {
        int64_t took_us = mono_since(now_mono(), began);
        text_add_bytes(answer, chunk, (size_t)got);
        if (answer->bytes_count > ANSWER_BYTES_MOST || took_us > ANSWER_MOST_US) {
            text_add(error, "the daemon's answer does not end: %zu bytes in %d s", answer->bytes_count,
                     (int)(took_us / US_PER_S));
            text_clear(answer);
            return false;
        }
    }
    if (got == 0 && answer->bytes_count)
        return true;
    text_clear(answer);
    if (got == 0 || errno == ECONNRESET)
        return say_hung_up(error);
    text_add(error, "the daemon does not answer: %s", strerror(errno));
    return false;
}

static bool converse(int fd, const char *request, struct text *answer, struct text *error) {
    struct text line = {0};
    text_add(&line, "%s\n", request);
    ssize_t sent = send(fd, line.bytes, line.bytes_count, MSG_NOSIGNAL);
    text_finish(&line);
    if (sent >= 0)
        return read_answer(fd, answer, error);
    if (errno == EPIPE || errno == ECONNRESET)
        return say_hung_up(error);
    text_add(error, "cannot ask the daemon: %s", strerror(errno));
    return false;
}

/* False with `error` when the one who listens there is not to be believed or does not answer, and without
 * when nobody does. */
static bool ask_at(const struct place *place, const char *ini_path, const char *request, struct text *answer,
                   struct text *error) {
    struct timeval patience = {.tv_sec = PATIENCE_S};
    struct peer peer;
    bool answered = false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&place->address, place->bytes) != 0) {
        if (errno != ENOENT && errno != ECONNREFUSED)
            text_add(error, "cannot reach the daemon (%s: %s)",
                     place->path ? place->path : "the lock of this file", strerror(errno));
    } else if (!peer_of(fd, &peer)) {
        text_add(error, "cannot tell who listens: %s", strerror(errno));
    } else if (!peer_is_trusted(&peer, ini_path) && !(place->path && peer_owns_folder(&peer, place->path))) {
        text_add(error,
                 "%s is held by the process %d, which belongs to another user (uid %u); if that is the "
                 "daemon, ask as that user",
                 place->path ? place->path : "the lock of this file", (int)peer.pid, (unsigned)peer.uid);
    } else {
        answered = converse(fd, request, answer, error);
    }
    if (fd >= 0)
        close(fd);
    return answered;
}

bool ask_daemon(const struct taskset *set, const char *ini_path, const char *request, struct text *answer,
                struct text *error) {
    struct filelock_name names[FILELOCK_NAMES];
    struct place places[FILELOCK_NAMES + 1];
    struct text path = {0}, why = {0};
    uint32_t count = filelock_names(ini_path, names);
    bool answered = false;
    control_path(set, ini_path, &path);
    for (uint32_t i = 0; i < count; i++)
        places[i] = (struct place){.address = names[i].address, .bytes = names[i].bytes};
    places[count] = (struct place){.bytes = sizeof places->address, .path = path.bytes};
    count += control_path_address(path.bytes, &places[count].address, &why);
    for (uint32_t i = 0; i < count && !answered; i++) {
        text_clear(error);
        answered = ask_at(&places[i], ini_path, request, answer, error);
        if (error->bytes_count && why.bytes_count == 0) /* who is found first is the likeliest */
            text_add(&why, "%s", error->bytes);
    }
    text_clear(error);
    if (!answered && why.bytes_count)
        text_add(error, "%s", why.bytes);
    else if (!answered)
        text_add(error, "no daemon runs this file (%s: nobody listens); start it: headgate run %s",
                 path.bytes, ini_path);
    text_finish(&path);
    text_finish(&why);
    return answered;
}

bool ask_daemon_of(const char *ini_path, const char *request, struct text *answer, struct text *error) {
    struct faults faults = {0};
    struct taskset *set = load_file(ini_path, &faults);
    bool answered = set && ask_daemon(set, ini_path, request, answer, error);
    if (!set)
        faults_print(&faults, ini_path, error);
    taskset_unref(set);
    faults_finish(&faults);
    return answered;
}
