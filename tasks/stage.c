#include "tasks/stage.h"

#include <stddef.h>

static bool has(const struct task *task, enum stage stage) {
    switch (stage) {
    case STAGE_WHEN: return task->when != NULL;
    case STAGE_CLAIM: return false;
    case STAGE_WHOLE: return task->work != WORK_STAGES;
    case STAGE_READ: return task->stages && task->stages->read;
    case STAGE_WORK: return task->work == WORK_STAGES;
    case STAGE_WRITE: return task->stages && task->stages->write;
    case STAGE_END: break;
    }
    return true;
}

enum stage stage_first(const struct task *task) {
    return has(task, STAGE_WHOLE) ? STAGE_WHOLE : stage_after(task, STAGE_WHOLE);
}

enum stage stage_after(const struct task *task, enum stage stage) {
    if (stage < STAGE_WHOLE)
        return stage_first(task);
    if (stage == STAGE_WHOLE && task->work != WORK_STAGES)
        return STAGE_END;
    do
        stage++;
    while (!has(task, stage));
    return stage;
}

bool stage_needs_session(const struct task *task, enum stage stage) {
    if (stage < STAGE_WHOLE)
        return true;
    return task->work != WORK_COMMAND && stage != STAGE_WORK;
}

uint32_t stage_tokens(const struct task *task, enum stage stage) {
    return stage < STAGE_WHOLE ? 1 : stage == STAGE_WORK ? 0 : task->tokens;
}

int64_t stage_timeout_us(const struct task *task, enum stage stage) {
    switch (stage) {
    case STAGE_CLAIM: return 0;
    case STAGE_READ: return task->stages->read_timeout_us;
    case STAGE_WORK: return task->stages->work_timeout_us;
    case STAGE_WRITE: return task->stages->write_timeout_us;
    default: return task->timeout_us;
    }
}

int64_t stage_expect_us(const struct task *task, enum stage stage) {
    if (!has(task, stage))
        return 0;
    return stage == STAGE_WORK ? task->stages->expect_work_us : task->expect_us;
}
