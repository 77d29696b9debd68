#include "scheduler/daemon/control_path.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scheduler/path.h"
#include "tasks/hash.h"

#define RUNTIME_FOLDER  "/run/headgate"
#define FALLBACK_FOLDER "/tmp/headgate-"

/* Where an administrator has made it for us: nobody else may put a socket there. */
static bool has_runtime_folder(void) {
    struct stat folder;
    return lstat(RUNTIME_FOLDER, &folder) == 0 && S_ISDIR(folder.st_mode) &&
           access(RUNTIME_FOLDER, W_OK) == 0 && (folder.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

void control_path(const struct taskset *set, const char *ini_path, struct text *ret_path) {
    if (*set->daemon.control) {
        text_add(ret_path, "%s", set->daemon.control);
        return;
    }
    char real[PATH_MAX];
    if (!realpath(ini_path, real))
        strncpy(real, ini_path, sizeof real - 1), real[sizeof real - 1] = '\0';
    const char *name = strrchr(real, '/') ? strrchr(real, '/') + 1 : real;
    uint64_t hash = hash_finish(hash_bytes(HASH_START, real, strlen(real)));
    if (has_runtime_folder())
        text_add(ret_path, "%s", RUNTIME_FOLDER);
    else
        text_add(ret_path, "%s%u", FALLBACK_FOLDER, (unsigned)geteuid());
    text_add(ret_path, "/headgate-%.40s-%016" PRIx64 ".sock", name, hash);
}

bool control_path_make_folder(const char *path, struct text *error) {
    struct stat found;
    char *folder = path_folder(path);
    bool made = strcmp(folder, RUNTIME_FOLDER) == 0 || mkdir(folder, 0700) == 0 || errno == EEXIST;
    if (!made || lstat(folder, &found) != 0)
        text_add(error, "cannot make the folder %s: %s", folder, strerror(errno));
    else if (strcmp(folder, RUNTIME_FOLDER) != 0 &&
             (!S_ISDIR(found.st_mode) || found.st_uid != geteuid() || (found.st_mode & (S_IRWXG | S_IRWXO))))
        text_add(error, "%s is there and is not a folder of ours alone; write control = PATH into [headgate]",
                 folder);
    free(folder);
    return error->bytes_count == 0;
}

bool control_path_address(const char *path, struct sockaddr_un *ret, struct text *error) {
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) < sizeof ret->sun_path) {
        strcpy(ret->sun_path, path);
        return true;
    }
    text_add(error, "the control socket's path is %zu bytes and the limit is %zu: %s", strlen(path),
             sizeof ret->sun_path - 1, path);
    return false;
}
