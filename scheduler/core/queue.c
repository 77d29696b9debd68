#include "scheduler/core/queue.h"

/* One level of priority is worth this much waiting: half of what nobody waits longer than (max_wait = 1min),
 * so that two levels are all of it. */
#define PRIORITY_STEP_US (30 * US_PER_S)

void queue_init(struct queue *queue, uint32_t capacity) {
    for (int line = 0; line < LINES; line++)
        due_init(&queue->lines[line], capacity);
    queue->light_us = 0;
}

void queue_finish(struct queue *queue) {
    for (int line = 0; line < LINES; line++)
        due_finish(&queue->lines[line]);
}

int64_t queue_head_start_us(const struct task *task) {
    return ((int64_t)task->priority - PRIORITY_NORMAL) * PRIORITY_STEP_US;
}

int64_t queue_rank(const struct task *task, int64_t due_us, int64_t expected_us, int64_t max_wait_us) {
    int64_t slack_us =
        task->patience_us - (expected_us < task->patience_us ? expected_us : task->patience_us);
    int64_t shift_us = slack_us - queue_head_start_us(task), most_us = max_wait_us / 2;
    shift_us = shift_us > most_us ? most_us : shift_us < -most_us ? -most_us : shift_us;
    return us_add(due_us, shift_us);
}
