#include "tasks/phase.h"

#include <stddef.h>

static bool has(const struct task *task, enum phase phase) {
    switch (phase) {
    case PHASE_CLAIM: return false;
    case PHASE_WHOLE: return task->work != WORK_PHASES;
    case PHASE_READ: return task->phases && task->phases->read;
    case PHASE_WORK: return task->work == WORK_PHASES;
    case PHASE_WRITE: return task->phases && task->phases->write;
    case PHASE_END: break;
    }
    return true;
}

enum phase phase_first(const struct task *task) {
    return has(task, PHASE_WHOLE) ? PHASE_WHOLE : phase_after(task, PHASE_WHOLE);
}

enum phase phase_after(const struct task *task, enum phase phase) {
    if (phase == PHASE_CLAIM)
        return phase_first(task);
    if (phase == PHASE_WHOLE && task->work != WORK_PHASES)
        return PHASE_END;
    do
        phase++;
    while (!has(task, phase));
    return phase;
}

bool phase_needs_session(const struct task *task, enum phase phase) {
    if (phase == PHASE_CLAIM)
        return true;
    return task->work != WORK_COMMAND && phase != PHASE_WORK;
}

uint32_t phase_tokens(const struct task *task, enum phase phase) {
    return phase == PHASE_CLAIM ? 1 : phase == PHASE_WORK ? 0 : task->tokens;
}

int64_t phase_timeout_us(const struct task *task, enum phase phase) {
    switch (phase) {
    case PHASE_CLAIM: return 0;
    case PHASE_READ: return task->phases->read_timeout_us;
    case PHASE_WORK: return task->phases->work_timeout_us;
    case PHASE_WRITE: return task->phases->write_timeout_us;
    default: return task->timeout_us;
    }
}

int64_t phase_expect_us(const struct task *task, enum phase phase) {
    if (!has(task, phase))
        return 0;
    return phase == PHASE_WORK ? task->phases->expect_work_us : task->expect_us;
}
