#include "scheduler/daemon/footing.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "pool/login/aside.h"

/* Counted on a running daemon: 12 for stdio, the loop, its signals and its threads, 3 for the lock and the
 * socket; the rest is for who asks there, and for files while they are read. */
#define DESCRIPTORS_BASE  48
#define DESCRIPTORS_CHILD 4 /* its output, its messages, its input, and what it is made with */

/* libuv's own number is 4, and each name lookup may hold one for as long as its servers do not answer. */
#define THREADS_WANTED 16
#define THREADS_MOST   256
#define THREADS_SPARE  2 /* what others may take until libuv makes its own */

/* Blocks of a file's texts have this size (tasks/arena.c), and the core's tables of 10 000 tasks are larger.
 */
#define MAPPED_FROM_BYTES (64 * 1024)

/* --- memory --- */

static void on_abort(int number) {
    static const char said[] =
        "headgate: not started: no memory is left, or it is a fault of its own; see what stands above\n";
    ssize_t wrote = write(STDERR_FILENO, said, sizeof said - 1);
    (void)number, (void)wrote;
    _exit(1);
}

void footing_watch(void) {
    signal(SIGABRT, on_abort);
}

void footing_map_tables(void) {
    mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES);
}

void footing_stands(void) {
    signal(SIGABRT, SIG_DFL);
}

/* --- descriptors --- */

/* A session has one, and one more while its end is awaited. */
static rlim_t descriptors_wanted(const struct taskset *set) {
    rlim_t count = DESCRIPTORS_BASE + (rlim_t)set->daemon.children * DESCRIPTORS_CHILD;
    for (uint32_t i = 0; i < set->pool_count; i++)
        count += 2 * (rlim_t)set->pools[i].size + DESCRIPTORS_CHILD;
    return count;
}

static bool make_descriptors(const struct taskset *set, struct text *error) {
    struct rlimit limit;
    rlim_t wanted = descriptors_wanted(set), least = DESCRIPTORS_BASE + DESCRIPTORS_CHILD * set->pool_count;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return true;
    if (limit.rlim_cur < wanted && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        (void)getrlimit(RLIMIT_NOFILE, &limit); /* what is in force now, whether that was granted or not */
    }
    if (limit.rlim_cur < least)
        text_add(error,
                 "%llu open files are allowed, and it needs %llu to begin, up to %llu for all of its tasks; "
                 "raise the limit "
                 "(ulimit -n, LimitNOFILE=)",
                 (unsigned long long)limit.rlim_cur, (unsigned long long)least, (unsigned long long)wanted);
    return error->bytes_count == 0;
}

/* --- threads --- */

static void *pass(void *gate) {
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

/* How many of as many threads the system grants at once. */
static int threads_granted(int wanted) {
    pthread_t threads[THREADS_MOST];
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    int count = 0;
    pthread_mutex_lock(&gate);
    while (count < wanted && pthread_create(&threads[count], NULL, pass, &gate) == 0)
        count++;
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return count;
}

/* libuv makes its threads when it first needs one, and ends the program if it cannot. */
static bool make_threads(struct text *error) {
    const char *said = getenv("UV_THREADPOOL_SIZE");
    long wanted = said ? strtol(said, NULL, 10) : THREADS_WANTED;
    char count[24];
    if (wanted < 1 || wanted > THREADS_MOST - THREADS_SPARE)
        wanted = THREADS_WANTED;
    int granted = threads_granted((int)wanted + THREADS_SPARE) - THREADS_SPARE;
    if (granted < 1) {
        text_add(error, "the system grants no threads: its user has too many processes, or too little memory "
                        "is left; raise the limit "
                        "(ulimit -u, LimitNPROC=, TasksMax=)");
        return false;
    }
    snprintf(count, sizeof count, "%d", granted);
    if (setenv("UV_THREADPOOL_SIZE", count, 1) != 0)
        text_add(error, "its environment cannot be changed: %s", strerror(errno));
    return error->bytes_count == 0;
}

bool footing_make(const struct taskset *set, struct text *error) {
    return make_descriptors(set, error) && make_threads(error);
}

bool footing_threads_run_on(void) {
    return aside_threads_left() > 0;
}
