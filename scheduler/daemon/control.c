#include "scheduler/daemon/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "scheduler/daemon/control_path.h"
#include "scheduler/daemon/filelock.h"
#include "scheduler/daemon/peer.h"

/* As many as may ask at once, each with a descriptor of the daemon's; the soft limit is mostly 1024. One asks
 * for milliseconds: who has not got an answer after 10 s does not read. */
#define CLIENTS_MAX    256
#define CLIENT_LIFE_MS 10000

/* Where it listens: a name of the lock, or a socket in a folder. */
struct listener {
    uv_pipe_t pipe;
    struct control *control;
    struct filelock_name name;
    char *path;         /* NULL: the lock */
    struct stat socket; /* what we have made at the path: another one there is not ours to remove */
};

TAILQ_HEAD(client_list, client);

struct control {
    uv_loop_t *loop;
    const char *ini_path;
    control_handler *handler;
    void *context;
    struct listener *locks[FILELOCK_NAMES], *socket; /* NULL: none */
    int client_count;
    struct client_list clients; /* who came first is first */
};

struct client {
    struct control *control;
    TAILQ_ENTRY(client) among;
    uv_pipe_t pipe;
    uv_timer_t life;
    uv_write_t write;
    uid_t uid;
    int handles_open;
    char request[CONTROL_REQUEST_BYTES];
    size_t request_bytes;
    struct text answer;
};

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
    TAILQ_REMOVE(&client->control->clients, client, among);
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

/* On the lock anybody may knock; at a socket its mode keeps them out. */
static bool may_ask(struct client *client) {
    struct peer peer;
    uv_os_fd_t fd;
    if (uv_fileno((const uv_handle_t *)&client->pipe, &fd) != 0 || !peer_of(fd, &peer) ||
        !peer_is_trusted(&peer, client->control->ini_path))
        return false;
    client->uid = peer.uid;
    return true;
}

static void answer(struct client *client) {
    struct control *control = client->control;
    uv_read_stop((uv_stream_t *)&client->pipe);
    control->handler(control->context, client->request, client->uid, &client->answer);
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

static void on_connection(uv_stream_t *listener, int status) {
    struct control *control = ((struct listener *)listener->data)->control;
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
    TAILQ_INSERT_TAIL(&control->clients, client, among);
    control->client_count++;
    if (uv_accept(listener, (uv_stream_t *)&client->pipe) != 0 || !may_ask(client)) {
        client_close(client);
        return;
    }
    if (control->client_count > CLIENTS_MAX) /* the one that has been here longest makes room */
        client_close(TAILQ_FIRST(&control->clients));
    uv_timer_start(&client->life, on_life_over, CLIENT_LIFE_MS, 0);
    uv_read_start((uv_stream_t *)&client->pipe, on_allocate, on_request);
}

/* --- where it listens --- */

static void on_listener_closed(uv_handle_t *handle) {
    struct listener *listener = handle->data;
    free(listener->path);
    free(listener);
}

static bool is_there(const struct listener *listener) {
    struct stat found;
    return lstat(listener->path, &found) == 0 && found.st_dev == listener->socket.st_dev &&
           found.st_ino == listener->socket.st_ino;
}

static void listener_close(struct listener *listener) {
    if (!listener)
        return;
    if (listener->path && is_there(listener))
        unlink(listener->path);
    uv_close((uv_handle_t *)&listener->pipe, on_listener_closed);
}

/* Takes the descriptor in any case. NULL with `error`. */
static struct listener *listener_open(struct control *control, int fd, struct text *error) {
    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener)
        abort();
    listener->control = control;
    uv_pipe_init(control->loop, &listener->pipe, 0);
    listener->pipe.data = listener;
    int failed = uv_pipe_open(&listener->pipe, fd);
    if (failed)
        close(fd);
    else
        failed = uv_listen((uv_stream_t *)&listener->pipe, CLIENTS_MAX, on_connection);
    if (!failed)
        return listener;
    text_add(error, "cannot listen for requests: %s", uv_strerror(failed));
    listener_close(listener);
    return NULL;
}

/* --- on the lock --- */

/* The one that has this name already; NULL: none. */
static struct listener *take_held(struct listener *held[FILELOCK_NAMES], const struct filelock_name *name) {
    for (int i = 0; i < FILELOCK_NAMES; i++) {
        struct listener *listener = held[i];
        if (!listener || listener->name.bytes != name->bytes ||
            memcmp(&listener->name.address, &name->address, name->bytes) != 0)
            continue;
        held[i] = NULL;
        return listener;
    }
    return NULL;
}

/* NULL: another daemon holds the name (*ret_held), or the lock has to do without it; `error` says which. */
static struct listener *lock_one(struct control *control, const struct filelock_name *name, bool *ret_held,
                                 struct text *error) {
    int fd = filelock_take(name, control->ini_path, error);
    *ret_held = fd == FILELOCK_HELD;
    if (fd < 0)
        return NULL;
    struct listener *listener = listener_open(control, fd, error);
    if (listener)
        listener->name = *name;
    *ret_held = !listener;
    return listener;
}

bool control_lock(struct control *control, struct text *error) {
    struct filelock_name names[FILELOCK_NAMES];
    struct listener *fresh[FILELOCK_NAMES] = {0}, *all[FILELOCK_NAMES] = {0}, *held[FILELOCK_NAMES];
    uint32_t count = filelock_names(control->ini_path, names);
    bool by_another = false;
    memcpy(held, control->locks, sizeof held);
    for (uint32_t i = 0; i < count && !by_another; i++) {
        all[i] = take_held(held, &names[i]);
        if (!all[i])
            all[i] = fresh[i] = lock_one(control, &names[i], &by_another, error);
    }
    for (uint32_t i = 0; i < FILELOCK_NAMES; i++)
        listener_close(by_another ? fresh[i] : held[i]);
    if (!by_another)
        memcpy(control->locks, all, sizeof all);
    return !by_another;
}

/* --- at a path --- */

/* The address of a path where a socket is, or nothing. */
static bool make_address(const char *path, struct sockaddr_un *ret, struct text *error) {
    struct stat found;
    if (!control_path_address(path, ret, error))
        return false;
    if (lstat(path, &found) != 0 || S_ISSOCK(found.st_mode))
        return true;
    text_add(error, "%s is there and is not a socket; give control another path", path);
    return false;
}

/* A socket that nobody listens on was left by a daemon that was killed, and is removed. */
static bool make_room(const struct sockaddr_un *address, struct text *error) {
    const char *path = address->sun_path;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        text_add(error, "cannot look at %s: %s", path, strerror(errno));
    else if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 ||
             (errno != ENOENT && errno != ECONNREFUSED))
        text_add(error, "somebody listens on %s already; give control another path", path);
    else
        unlink(path);
    if (fd >= 0)
        close(fd);
    return error->bytes_count == 0;
}

/* Nobody else may connect, from the first instant on. libuv would remove the path when it closes, whosoever
 * socket is there then. -1 with errno. */
static int bind_private(const struct sockaddr_un *address, struct stat *ret_socket) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t before = umask(0177);
    bool bound = fd >= 0 && bind(fd, (const struct sockaddr *)address, sizeof *address) == 0;
    int why = errno;
    umask(before);
    if (bound && lstat(address->sun_path, ret_socket) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    errno = why;
    return -1;
}

static struct listener *listen_at(struct control *control, const struct sockaddr_un *address,
                                  struct text *error) {
    struct stat socket;
    int fd = bind_private(address, &socket);
    if (fd < 0) {
        text_add(error, "cannot listen on %s: %s", address->sun_path, strerror(errno));
        return NULL;
    }
    struct listener *listener = listener_open(control, fd, error);
    if (!listener)
        return NULL;
    listener->socket = socket;
    listener->path = text_copy(address->sun_path);
    return listener;
}

bool control_listen(struct control *control, const char *path, struct text *error) {
    struct listener *before = control->socket;
    struct sockaddr_un address;
    if (before && strcmp(before->path, path) == 0 && is_there(before))
        return true;
    if (!make_address(path, &address, error) || !make_room(&address, error))
        return false;
    struct listener *fresh = listen_at(control, &address, error);
    if (!fresh)
        return false;
    if (before &&
        strcmp(before->path, path) == 0) { /* the fresh one is there: `before` has nothing to remove */
        free(before->path);
        before->path = NULL;
    }
    listener_close(before);
    control->socket = fresh;
    return true;
}

/* --- all of it --- */

struct control *control_create(uv_loop_t *loop, const char *ini_path, control_handler *handler,
                               void *context) {
    struct control *control = calloc(1, sizeof *control);
    if (!control)
        abort();
    *control = (struct control){.loop = loop, .ini_path = ini_path, .handler = handler, .context = context};
    TAILQ_INIT(&control->clients);
    return control;
}

void control_close(struct control *control) {
    if (!control)
        return;
    while (!TAILQ_EMPTY(&control->clients))
        client_close(TAILQ_FIRST(&control->clients));
    for (int i = 0; i < FILELOCK_NAMES; i++)
        listener_close(control->locks[i]);
    listener_close(control->socket);
    free(control);
}
