#include "host.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[128];

void hosts_open(void) {
    const char *flags = getenv("ASAN_OPTIONS");
    char lenient[512];
    snprintf(lenient, sizeof lenient, "%s:verify_asan_link_order=0", flags ? flags : "");
    setenv("ASAN_OPTIONS", lenient, 1); /* the clock comes first */
    make_directory(directory, sizeof directory);
    assert_int_equal(chmod(directory, 0755), 0); /* the server is another user's, who may not get at where it was built */
    assert_int_equal(shell(NULL, "install -m 755 \"$WALLCLOCK\" %s/wallclock.so", directory), 0);
}

void hosts_close(void) {
    shell(NULL, "rm -r %s", directory);
}

void host_open(struct host *host, const char *name) {
    snprintf(host->path, sizeof host->path, "%s/%s", directory, name);
    int fd = open(host->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(fchmod(fd, 0644), 0);
    assert_int_equal(ftruncate(fd, sizeof *host->offset_us), 0);
    host->offset_us = mmap(NULL, sizeof *host->offset_us, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(host->offset_us, MAP_FAILED);
    close(fd);
}

void host_enter(const struct host *host) {
    char library[160];
    snprintf(library, sizeof library, "%s/wallclock.so", directory);
    setenv("WALLCLOCK_FILE", host->path, 1);
    setenv("LD_PRELOAD", library, 1);
}

void host_leave(void) {
    unsetenv("LD_PRELOAD");
}
