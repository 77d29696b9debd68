#include "scheduler/control.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tasks/hash.h"

#define CLIENTS_MAX     256
#define CLIENT_LIFE_MS  10000
#define RUNTIME_FOLDER  "/run/headgate"
#define FALLBACK_FOLDER "/tmp"

struct control {
    uv_loop_t *loop;
    uv_pipe_t listener;
    control_handler *handler;
    void *context;
    int lock_fd;
    bool bound; /* the socket at the path is ours */
    char *path, *lock_path;
    int client_count;
    struct client *clients;
};

struct client {
    struct control *control;
    struct client *next, *previous;
    uv_pipe_t pipe;
    uv_timer_t life;
    uv_write_t write;
    int handles_open;
    char request[CONTROL_REQUEST_BYTES];
    size_t request_bytes;
    struct text answer;
};

/* --- where --- */

void control_path(const struct taskset *set, const char *ini_path, struct text *ret_path) {
    if (*set->daemon.control) {
        text_add(ret_path, "%s", set->daemon.control);
        return;
    }
    char real[PATH_MAX];
    struct stat folder;
    if (!realpath(ini_path, real))
        strncpy(real, ini_path, sizeof real - 1), real[sizeof real - 1] = '\0';
    const char *name = strrchr(real, '/') ? strrchr(real, '/') + 1 : real;
    uint64_t hash = hash_finish(hash_bytes(HASH_START, real, strlen(real)));
    bool has_folder = stat(RUNTIME_FOLDER, &folder) == 0 && S_ISDIR(folder.st_mode);
    text_add(ret_path, "%s/headgate-%.40s-%016" PRIx64 ".sock", has_folder ? RUNTIME_FOLDER : FALLBACK_FOLDER,
             name, hash);
}

static bool address_of(const char *path, struct sockaddr_un *ret, struct text *error) {
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof ret->sun_path) {
        text_add(error, "the control socket's path is %zu bytes and the limit is %zu: %s", strlen(path),
                 sizeof ret->sun_path - 1, path);
        return false;
    }
    strcpy(ret->sun_path, path);
    return true;
}

/* --- the lock --- */

static bool is_still_there(int fd, const char *path) {
    struct stat held, found;
    return fstat(fd, &held) == 0 && stat(path, &found) == 0 && held.st_dev == found.st_dev &&
           held.st_ino == found.st_ino;
}

/* What a daemon writes into its lock; anything else is somebody's file. */
static bool holds_only_a_pid(int fd) {
    char content[32];
    ssize_t count = pread(fd, content, sizeof content, 0);
    for (ssize_t i = 0; i < count; i++)
        if (content[i] < '0' || content[i] > '9')
            return false;
    return count >= 0 && count < (ssize_t)sizeof content;
}

/* The file may be removed between open and lock, by a daemon that just stopped: then once more. */
static int take_lock(const char *path, struct text *error) {
    for (int attempt = 0; attempt < 10; attempt++) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
            text_add(error, "cannot make %s: %s", path, strerror(errno));
            return -1;
        }
        if (!holds_only_a_pid(fd)) {
            text_add(error, "%s is there and is not a lock of headgate's; give control another path", path);
            close(fd);
            return -1;
        }
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            char pid[16] = "";
            if (pread(fd, pid, sizeof pid - 1, 0) < 1)
                strcpy(pid, "?");
            text_add(error, "a daemon with pid %s already runs this file (it holds %s)", pid, path);
            close(fd);
            return -1;
        }
        if (is_still_there(fd, path)) {
            if (ftruncate(fd, 0) != 0 || dprintf(fd, "%d", (int)getpid()) < 0)
                text_add(error, "cannot write %s: %s", path, strerror(errno));
            return fd;
        }
        close(fd);
    }
    text_add(error, "cannot get hold of %s: it keeps disappearing", path);
    return -1;
}

/* --- clients --- */

static void on_client_closed(uv_handle_t *handle) {
    struct client *client = handle->data;
    if (--client->handles_open > 0)
        return;
    text_finish(&client->answer);
    free(client);
}

static void client_close(struct client *client) {
    if (uv_is_closing((uv_handle_t *)&client->pipe))
        return;
    if (client->next)
        client->next->previous = client->previous;
    if (client->previous)
        client->previous->next = client->next;
    else
        client->control->clients = client->next;
    client->control->client_count--;
    uv_close((uv_handle_t *)&client->pipe, on_client_closed);
    uv_close((uv_handle_t *)&client->life, on_client_closed);
}

static void on_life_over(uv_timer_t *timer) {
    client_close(timer->data);
}

static void on_written(uv_write_t *request, int status) {
    (void)status;
    client_close(request->data);
}

static uid_t asker_of(const struct client *client) {
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t bytes = sizeof peer;
    uv_os_fd_t fd;
    if (uv_fileno((const uv_handle_t *)&client->pipe, &fd) == 0)
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes);
    return peer.uid;
}

static void answer(struct client *client) {
    struct control *control = client->control;
    uv_read_stop((uv_stream_t *)&client->pipe);
    control->handler(control->context, client->request, asker_of(client), &client->answer);
    uv_buf_t buffer = uv_buf_init(client->answer.bytes, (unsigned)client->answer.bytes_count);
    client->write.data = client;
    if (uv_write(&client->write, (uv_stream_t *)&client->pipe, &buffer, 1, on_written) != 0)
        client_close(client);
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
    struct client *client = handle->data;
    (void)suggested;
    *ret = uv_buf_init(client->request + client->request_bytes,
                       (unsigned)(CONTROL_REQUEST_BYTES - 1 - client->request_bytes));
}

static void on_request(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer) {
    struct client *client = stream->data;
    (void)buffer;
    if (count < 0) {
        client_close(client);
        return;
    }
    client->request_bytes += (size_t)count;
    client->request[client->request_bytes] = '\0';
    char *newline = strchr(client->request, '\n');
    if (newline) {
        *newline = '\0';
        answer(client);
    } else if (client->request_bytes == CONTROL_REQUEST_BYTES - 1) {
        client_close(client);
    }
}

static struct client *oldest_client(const struct control *control) {
    struct client *client = control->clients;
    while (client->next)
        client = client->next;
    return client;
}

static void on_connection(uv_stream_t *listener, int status) {
    struct control *control = listener->data;
    if (status < 0)
        return;
    struct client *client = calloc(1, sizeof *client);
    if (!client)
        abort();
    client->control = control;
    client->handles_open = 2;
    uv_pipe_init(control->loop, &client->pipe, 0);
    uv_timer_init(control->loop, &client->life);
    client->pipe.data = client->life.data = client;
    client->next = control->clients;
    if (client->next)
        client->next->previous = client;
    control->clients = client;
    control->client_count++;
    if (uv_accept(listener, (uv_stream_t *)&client->pipe) != 0) {
        client_close(client);
        return;
    }
    if (control->client_count > CLIENTS_MAX) /* the one that has been here longest makes room */
        client_close(oldest_client(control));
    uv_timer_start(&client->life, on_life_over, CLIENT_LIFE_MS, 0);
    uv_read_start((uv_stream_t *)&client->pipe, on_allocate, on_request);
}

/* --- the socket --- */

static bool listen_on(struct control *control, struct text *error) {
    struct sockaddr_un address;
    if (!address_of(control->path, &address, error))
        return false;
    struct stat found;
    if (lstat(control->path, &found) == 0 && !S_ISSOCK(found.st_mode)) {
        text_add(error, "%s is there and is not a socket; give control another path", control->path);
        return false;
    }
    unlink(control->path); /* ours by the lock; left by a daemon that was killed */
    mode_t before = umask(0177);
    int failed = uv_pipe_bind(&control->listener, control->path);
    umask(before);
    control->bound = !failed;
    if (!failed)
        failed = uv_listen((uv_stream_t *)&control->listener, CLIENTS_MAX, on_connection);
    if (failed)
        text_add(error, "cannot listen on %s: %s", control->path, uv_strerror(failed));
    return !failed;
}

static void on_listener_closed(uv_handle_t *handle) {
    struct control *control = handle->data;
    free(control->path);
    free(control->lock_path);
    free(control);
}

struct control *control_open(uv_loop_t *loop, const char *path, control_handler *handler, void *context,
                             struct text *error) {
    struct text lock_path = {0};
    text_add(&lock_path, "%s.lock", path);
    int lock_fd = take_lock(lock_path.bytes, error);
    if (lock_fd < 0) {
        text_finish(&lock_path);
        return NULL;
    }
    struct control *control = calloc(1, sizeof *control);
    if (!control)
        abort();
    control->loop = loop;
    control->handler = handler;
    control->context = context;
    control->lock_fd = lock_fd;
    control->path = strdup(path);
    control->lock_path = lock_path.bytes;
    uv_pipe_init(loop, &control->listener, 0);
    control->listener.data = control;
    if (listen_on(control, error))
        return control;
    control_close(control);
    return NULL;
}

void control_close(struct control *control) {
    if (!control)
        return;
    while (control->clients)
        client_close(control->clients);
    if (control->bound)
        unlink(control->path);
    unlink(control->lock_path); /* while it is held: whoever opened it meanwhile sees that it is gone */
    close(control->lock_fd);
    uv_close((uv_handle_t *)&control->listener, on_listener_closed);
}

/* --- asking --- */

/* Whoever owns the socket's other end sees the request and writes the answer: only root or we ourselves. */
static bool is_trusted(int fd) {
    struct ucred peer;
    socklen_t bytes = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid() || geteuid() == 0);
}

static bool read_answer(int fd, struct text *answer, struct text *error) {
    char chunk[65536];
    ssize_t got;
    while ((got = read(fd, chunk, sizeof chunk)) > 0)
        text_add_bytes(answer, chunk, (size_t)got);
    if (got < 0)
        text_add(error, "the daemon does not answer: %s", strerror(errno));
    return got == 0;
}

bool control_ask(const char *path, const char *request, struct text *answer, struct text *error) {
    struct sockaddr_un address;
    if (!address_of(path, &address, error))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    bool answered = false;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        text_add(error,
                 errno == ENOENT || errno == ECONNREFUSED ? "no daemon runs this file (%s: %s)"
                                                          : "cannot reach the daemon (%s: %s)",
                 path, strerror(errno));
    else if (!is_trusted(fd))
        text_add(error, "%s belongs to another user; ask as that user or as root", path);
    else if (dprintf(fd, "%s\n", request) < 0)
        text_add(error, "cannot ask the daemon: %s", strerror(errno));
    else
        answered = read_answer(fd, answer, error);
    if (fd >= 0)
        close(fd);
    return answered;
}
