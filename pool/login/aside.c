#include "pool/login/aside.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/queue.h>

/* For what the resolver's modules and TLS need of it; it is only touched as far as they do. */
#define STACK_BYTES ((size_t)1024 * 1024)

/* Of the process, as is its end. */
static atomic_uint threads_left;

TAILQ_HEAD(job_list, aside_job);

enum job_state { JOB_WAITS, JOB_RUNS, JOB_ENDED };

struct aside_job {
    struct aside *aside;
    struct aside_work work;
    void *data;
    enum job_state state;
    bool left;
    TAILQ_ENTRY(aside_job) in_list; /* while it waits, and when it has ended */
};

struct aside {
    pthread_mutex_t lock; /* of all below, and of its jobs */
    uv_async_t *wake;     /* NULL: closed */
    struct job_list waiting, ended;
    uint32_t thread_count, most_count;
};

static void job_free(struct aside_job *job) {
    job->work.drop(job->data);
    free(job);
}

/* Returns with the lock held. */
static void end_job(struct aside *aside, struct aside_job *job) {
    pthread_mutex_lock(&aside->lock);
    job->state = JOB_ENDED;
    if (!job->left) {
        TAILQ_INSERT_TAIL(&aside->ended, job, in_list);
        uv_async_send(aside->wake);
        return;
    }
    pthread_mutex_unlock(&aside->lock);
    job_free(job);
    pthread_mutex_lock(&aside->lock);
}

static void aside_free(struct aside *aside) {
    pthread_mutex_unlock(&aside->lock);
    pthread_mutex_destroy(&aside->lock);
    free(aside);
}

/* One job after the other, as long as one waits. */
static void *run(void *context) {
    struct aside *aside = context;
    struct aside_job *job;
    pthread_mutex_lock(&aside->lock);
    while ((job = TAILQ_FIRST(&aside->waiting))) {
        TAILQ_REMOVE(&aside->waiting, job, in_list);
        job->state = JOB_RUNS;
        pthread_mutex_unlock(&aside->lock);
        job->work.work(job->data);
        end_job(aside, job);
    }
    if (--aside->thread_count == 0 && !aside->wake)
        aside_free(aside);
    else
        pthread_mutex_unlock(&aside->lock);
    threads_left--;
    return NULL;
}

/* Signals are the loop's. */
static bool make_thread(struct aside *aside) {
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all, before;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    threads_left++;
    bool made = pthread_create(&thread, &attributes, run, aside) == 0;
    threads_left -= !made;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return made;
}

/* One at a time: done() may leave others, and close the aside. */
static void on_wake(uv_async_t *wake) {
    struct aside *aside = wake->data;
    pthread_mutex_lock(&aside->lock);
    struct aside_job *job = TAILQ_FIRST(&aside->ended);
    if (job)
        TAILQ_REMOVE(&aside->ended, job, in_list);
    if (!TAILQ_EMPTY(&aside->ended))
        uv_async_send(wake);
    pthread_mutex_unlock(&aside->lock);
    if (!job)
        return;
    job->work.done(job->data);
    job_free(job);
}

struct aside *aside_open(uv_loop_t *loop, uint32_t most_count) {
    struct aside *aside = calloc(1, sizeof *aside);
    uv_async_t *wake = malloc(sizeof *wake);
    if (!aside || !wake || uv_async_init(loop, wake, on_wake) != 0)
        abort();
    pthread_mutex_init(&aside->lock, NULL);
    TAILQ_INIT(&aside->waiting);
    TAILQ_INIT(&aside->ended);
    aside->wake = wake;
    aside->most_count = most_count;
    wake->data = aside;
    uv_unref((uv_handle_t *)wake); /* who waits for a job has a timer, or does not keep the loop for it */
    return aside;
}

static void free_handle(uv_handle_t *handle) {
    free(handle);
}

void aside_close(struct aside *aside) {
    pthread_mutex_lock(&aside->lock);
    assert(TAILQ_EMPTY(&aside->waiting) && TAILQ_EMPTY(&aside->ended));
    uv_close((uv_handle_t *)aside->wake, free_handle);
    aside->wake = NULL;
    if (aside->thread_count == 0)
        aside_free(aside);
    else
        pthread_mutex_unlock(&aside->lock);
}

struct aside_job *aside_start(struct aside *aside, const struct aside_work *work, void *data) {
    struct aside_job *job = malloc(sizeof *job);
    if (!job)
        abort();
    *job = (struct aside_job){.aside = aside, .work = *work, .data = data, .state = JOB_WAITS};
    pthread_mutex_lock(&aside->lock);
    TAILQ_INSERT_TAIL(&aside->waiting, job, in_list);
    if (aside->thread_count < aside->most_count && make_thread(aside))
        aside->thread_count++;
    bool will_run = aside->thread_count > 0;
    if (!will_run)
        TAILQ_REMOVE(&aside->waiting, job, in_list);
    pthread_mutex_unlock(&aside->lock);
    if (will_run)
        return job;
    free(job);
    return NULL;
}

void aside_leave(struct aside_job *job) {
    struct aside *aside = job->aside;
    pthread_mutex_lock(&aside->lock);
    job->left = true;
    bool runs = job->state == JOB_RUNS;
    if (job->state == JOB_WAITS)
        TAILQ_REMOVE(&aside->waiting, job, in_list);
    else if (job->state == JOB_ENDED)
        TAILQ_REMOVE(&aside->ended, job, in_list);
    pthread_mutex_unlock(&aside->lock);
    if (!runs)
        job_free(job);
}

uint32_t aside_threads_left(void) {
    return threads_left;
}
