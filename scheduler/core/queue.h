/*
 * What waits for a pool's tokens, in the order in which it may start: least slack first, with a head start
 * for priority, and nobody is passed for ever. Four lines, because they wait for different things; the first
 * of them all is the head.
 */
#ifndef SCHEDULER_CORE_QUEUE_H
#define SCHEDULER_CORE_QUEUE_H

#include "scheduler/core/due.h"
#include "tasks/stage.h"

enum line {
    LINE_LIGHT,    /* SQL on one session, which it may share; and claims */
    LINE_HEAVY,    /* commands, and SQL of more than one token: wait for free tokens */
    LINE_RETURNED, /* SQL that was in others' way: starts only where it leaves a token to others */
    LINE_WRITE,    /* half done: what its work found is to be written, before anything else is begun */
    LINES,
};

struct queue {
    struct due lines[LINES]; /* run indexes by their rank */
    int64_t light_us;        /* what all in LINE_LIGHT are expected to take */
};

void queue_init(struct queue *queue, uint32_t capacity);
void queue_finish(struct queue *queue);

/* 30 s for each level of priority above normal, negative below. */
int64_t queue_head_start_us(const struct task *task);

/*
 * Where a run stands, as an instant in us: lower is earlier. Its due instant, plus the slack that it has (its
 * patience less what it is expected to take), less 30 s for each level of priority; within half of max_wait
 * either way, so that what waited for max_wait is ahead of all that became due since.
 */
int64_t queue_rank(const struct task *task, int64_t due_us, int64_t expected_us, int64_t max_wait_us);

/* Where a run's stage waits; not for weight 0, which waits for no pool. yielded: it was in others' way. */
static inline enum line queue_line(const struct task *task, enum stage stage, bool yielded) {
    if (stage == STAGE_WRITE)
        return LINE_WRITE;
    if (!stage_needs_session(task, stage) || stage_tokens(task, stage) != 1)
        return LINE_HEAVY;
    return yielded ? LINE_RETURNED : LINE_LIGHT;
}

static inline uint32_t queue_count(const struct queue *queue) {
    return queue->lines[LINE_LIGHT].count + queue->lines[LINE_HEAVY].count +
           queue->lines[LINE_RETURNED].count + queue->lines[LINE_WRITE].count;
}

static inline const struct due_entry *queue_first(const struct queue *queue, enum line line) {
    return due_first(&queue->lines[line]);
}

#endif
