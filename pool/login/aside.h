/*
 * Work that may block for as long as it likes: on threads of its own, beside the loop, and only a few for
 * each who asks, so that what hangs for one keeps nobody else waiting. A thread cannot be stopped: one that
 * nobody waits for any more is left to itself, with its memory, and counts until it ends.
 */
#ifndef POOL_LOGIN_ASIDE_H
#define POOL_LOGIN_ASIDE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct aside;
struct aside_job;

struct aside_work {
    void (*work)(void *data); /* on the thread */
    void (*done)(void *data); /* on the loop, after it; not of a job that was left */
    void (*drop)(void *data); /* the last to be called, on either; the data is nobody's any more */
};

/* most_count: threads at once, those that were left among them. What is beyond waits for one to end. */
struct aside *aside_open(uv_loop_t *loop, uint32_t most_count);

/* Jobs that are not done were left before. Its threads that still run go on, and touch nothing but their
 * data. */
void aside_close(struct aside *aside);

/* NULL: no thread could be made, and there is none that it could wait for; the data stays the caller's. */
struct aside_job *aside_start(struct aside *aside, const struct aside_work *work, void *data);

/* done() is not called any more. Not from within done(). */
void aside_leave(struct aside_job *job);

/* Threads of the whole process that run, whether anybody waits for them or not: it is not to tidy up under
 * them. */
uint32_t aside_threads_left(void);

#endif
