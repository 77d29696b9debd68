/*
 * Preloaded into a program, sets its wall clock apart from the machine's: by the microseconds in the file that
 * WALLCLOCK_FILE names, an int64 that may change at any time. The monotonic clock is left alone, as it is by a step of
 * the real one.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static const volatile int64_t *offset_us;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void open_offset(void) {
    const char *path = getenv("WALLCLOCK_FILE");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *offset_us, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        perror(path ? path : "WALLCLOCK_FILE is not set");
        abort();
    }
    offset_us = map;
}

static void add(struct timespec *to, int64_t us) {
    int64_t ns = to->tv_nsec + us % 1000000 * 1000;
    to->tv_sec += us / 1000000 + (ns >= 1000000000) - (ns < 0);
    to->tv_nsec = ns + (ns < 0 ? 1000000000 : 0) - (ns >= 1000000000 ? 1000000000 : 0);
}

int clock_gettime(clockid_t id, struct timespec *ret) {
    if (!real_clock_gettime)
        *(void **)&real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    int code = real_clock_gettime(id, ret);
    if (code == 0 && offset_us && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        add(ret, *offset_us);
    return code;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone) {
    struct timespec now;
    (void)zone;
    int code = clock_gettime(CLOCK_REALTIME, &now);
    *ret = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return code;
}

time_t time(time_t *ret) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (ret)
        *ret = now.tv_sec;
    return now.tv_sec;
}
