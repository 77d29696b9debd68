#include "scheduler/daemon/identity.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tasks/hash.h"
#include "tasks/text.h"

uint32_t identity_of(const char *ini_path) {
    char host[256] = "", real[PATH_MAX] = "";
    gethostname(host, sizeof host - 1);
    if (!realpath(ini_path, real))
        real[0] = '\0';
    return (uint32_t)hash_finish(hash_bytes(hash_bytes(HASH_START, host, strlen(host)), real, strlen(real)));
}

char *identity_name(const char *ini_path) {
    char host[256] = "", real[PATH_MAX];
    struct text name = {0};
    gethostname(host, sizeof host - 1);
    text_add(&name, "%s:%s", host, realpath(ini_path, real) ? real : ini_path);
    return name.bytes;
}

char *identity_life(const char *name, struct wall now) {
    struct text life = {0};
    text_add(&life, "%s (%" PRId64 "-%d)", name, now.us, (int)getpid());
    return life.bytes;
}
