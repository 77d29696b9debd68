#include "scheduler/core/record.h"

#include "scheduler/core/recording.h"

struct record record_of(const struct task *task, uint32_t index, uint32_t pool,
                        const struct occurrences *due) {
    return (struct record){
        .task = index,
        .pool = pool,
        .due_first = due->first,
        .due_last = due->last,
        .occurrence_count = due->count,
        .service = task->service,
        .key_first = run_key(task, due->first, due->count),
        .key_last = run_key(task, due->last, due->count),
        .schedule = &task->schedule,
        .tokens = task->tokens,
        .has_rows = task->work != WORK_COMMAND,
    };
}

void record_keep(struct core *core, struct record *record) {
    struct recording *recording = &core->pools[record->pool].recording;
    record->kept = true;
    if (recording->state != RECORDING_OFF && recording->pending_count++ == 0)
        recording->pending_since = core->now;
}

void record_counted_skip(struct core *core, uint32_t task, const struct occurrences *due,
                         enum skip_cause cause, struct actions *actions) {
    const struct core_task *own = &core->tasks[task];
    struct record record = record_of(own->definition, task, own->pool, due);
    record.outcome = OUTCOME_SKIPPED;
    record.skip = cause;
    if (cause != SKIP_DRAIN) { /* who comes next answers those */
        record_keep(core, &record);
        recording_note_passed(core, task);
    }
    actions_add(actions, ACTION_RECORD)->record = record;
}

void record_skip(struct core *core, uint32_t task, const struct occurrences *due, enum skip_cause cause,
                 struct actions *actions) {
    core->tasks[task].stats.skipped_count += (uint32_t)due->count;
    record_counted_skip(core, task, due, cause, actions);
}
