#include "pool/work/sockets.h"

#include <dirent.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define INODES_MAX      4096
#define ESTABLISHED     1  /* in /proc/net/tcp */
#define UNIX_STATES_ALL -1 /* any state */

/* --- the sockets of the group's processes --- */

struct inodes {
    uint64_t items[INODES_MAX];
    uint32_t count;
};

static int group_of(const char *pid) {
    char path[64], line[512] = "";
    int group = -1;
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    FILE *file = fopen(path, "re");
    if (file && fgets(line, sizeof line, file)) {
        const char *behind = strrchr(line, ')'); /* the name before it may hold anything */
        if (behind && sscanf(behind, ") %*c %*d %d", &group) != 1)
            group = -1;
    }
    if (file)
        fclose(file);
    return group;
}

static void add_sockets(const char *pid, struct inodes *inodes) {
    char path[64], link[320], target[64];
    snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
    DIR *directory = opendir(path);
    for (const struct dirent *entry;
         directory && (entry = readdir(directory)) && inodes->count < INODES_MAX;) {
        snprintf(link, sizeof link, "%s/%s", path, entry->d_name);
        ssize_t length = readlink(link, target, sizeof target - 1);
        uint64_t inode;
        target[length > 0 ? length : 0] = '\0';
        if (sscanf(target, "socket:[%" SCNu64, &inode) == 1)
            inodes->items[inodes->count++] = inode;
    }
    if (directory)
        closedir(directory);
}

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Sorted, and each once: a child inherits its parent's. */
static void collect(int process_group, struct inodes *inodes) {
    DIR *directory = opendir("/proc");
    for (const struct dirent *entry; directory && (entry = readdir(directory));)
        if (*entry->d_name >= '0' && *entry->d_name <= '9' && group_of(entry->d_name) == process_group)
            add_sockets(entry->d_name, inodes);
    if (directory)
        closedir(directory);
    qsort(inodes->items, inodes->count, sizeof *inodes->items, compare);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < inodes->count; i++)
        if (kept == 0 || inodes->items[kept - 1] != inodes->items[i])
            inodes->items[kept++] = inodes->items[i];
    inodes->count = kept;
}

static bool has(const struct inodes *inodes, uint64_t inode) {
    return bsearch(&inode, inodes->items, inodes->count, sizeof *inodes->items, compare) != NULL;
}

/* --- which of them lead to the server --- */

static uint32_t count_tcp(const char *path, uint16_t port, const struct inodes *inodes) {
    char line[512];
    uint32_t count = 0;
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        unsigned remote_port, state;
        uint64_t inode;
        if (sscanf(line, "%*d: %*[^:]:%*x %*[^:]:%x %x %*s %*s %*s %*d %*d %" SCNu64, &remote_port, &state,
                   &inode) == 3)
            count += remote_port == port && state == ESTABLISHED && has(inodes, inode);
    }
    if (file)
        fclose(file);
    return count;
}

/* The server's end is of the socket's file; its peer is the client's end. */
static bool leads_there(const struct nlmsghdr *message, ino_t file, const struct inodes *inodes) {
    const struct unix_diag_msg *socket_ = NLMSG_DATA(message);
    const struct rtattr *attribute = (const struct rtattr *)(socket_ + 1);
    int left = (int)(message->nlmsg_len - NLMSG_LENGTH(sizeof *socket_));
    struct unix_diag_vfs at = {0};
    uint32_t peer = 0;
    for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
        if (attribute->rta_type == UNIX_DIAG_VFS)
            memcpy(&at, RTA_DATA(attribute), sizeof at);
        else if (attribute->rta_type == UNIX_DIAG_PEER)
            memcpy(&peer, RTA_DATA(attribute), sizeof peer);
    }
    return at.udiag_vfs_ino == file && peer && has(inodes, peer);
}

static bool ask_for_unix_sockets(int fd) {
    struct {
        struct nlmsghdr head;
        struct unix_diag_req request;
    } ask = {.head = {.nlmsg_len = sizeof ask,
                      .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
             .request = {.sdiag_family = AF_UNIX,
                         .udiag_states = (uint32_t)UNIX_STATES_ALL,
                         .udiag_show = UDIAG_SHOW_VFS | UDIAG_SHOW_PEER}};
    return send(fd, &ask, sizeof ask, 0) == (ssize_t)sizeof ask;
}

static uint32_t count_unix(const char *path, const struct inodes *inodes) {
    _Alignas(struct nlmsghdr) char answer[32768];
    struct stat file;
    uint32_t count = 0;
    if (stat(path, &file) != 0)
        return 0;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    bool more = fd >= 0 && ask_for_unix_sockets(fd);
    while (more) {
        ssize_t got = recv(fd, answer, sizeof answer, 0);
        if (got <= 0)
            break;
        size_t left = (size_t)got;
        for (const struct nlmsghdr *message = (const struct nlmsghdr *)answer;
             more && NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
            more = message->nlmsg_type == SOCK_DIAG_BY_FAMILY; /* not done, and no error */
            count += more && leads_there(message, file.st_ino, inodes);
        }
    }
    if (fd >= 0)
        close(fd);
    return count;
}

uint32_t sockets_count(int process_group, const struct sockets_server *server) {
    struct inodes *inodes = calloc(1, sizeof *inodes);
    uint32_t count = 0;
    if (!inodes)
        return 0;
    collect(process_group, inodes);
    if (*server->path)
        count = count_unix(server->path, inodes);
    else
        count = count_tcp("/proc/net/tcp", server->port, inodes) +
                count_tcp("/proc/net/tcp6", server->port, inodes);
    free(inodes);
    return count;
}
