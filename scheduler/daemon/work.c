#include "scheduler/daemon/work.h"

#include "scheduler/core/claim.h"
#include "scheduler/history/released.h"

/* From here on the plans of what a run calls are worth more than the 25 us that it costs to keep them through
 * its session's cleaning (tests/bench/README.md). */
#define PLANS_KEPT_FROM_US US_PER_MS

struct session *work_session(const struct daemon *daemon, struct handle handle) {
    struct session *session = handle.generation ? daemon->sessions[handle.index] : NULL;
    return session && handle_is(session_handle(session), handle) ? session : NULL;
}

/* NULL of a run that answers nothing of a chain. In the daemon's memory, until the next. */
static const char *released_of(struct daemon *daemon, const struct run *run) {
    text_clear(&daemon->released);
    released_compose(&daemon->released, daemon->core, run->task);
    return run->occurrence_count && daemon->released.bytes_count ? daemon->released.bytes : NULL;
}

struct session_work work_on_session(struct daemon *daemon, struct handle handle, const struct run *run) {
    const struct task *task = run->definition;
    const char *released = released_of(daemon, run);
    return (struct session_work){
        .run = handle,
        .label = task->name,
        .claim = run->claim,
        .keeps_plans = run->expected_us >= PLANS_KEPT_FROM_US,
        .claimed = {.service = task->service,
                    .due_first = run_key(task, run->due_first, run->occurrence_count),
                    .due_last = run_key(task, run->due_last, run->occurrence_count),
                    .started = daemon->core->wall,
                    .schedule = &task->schedule,
                    .occurrence_count = run->occurrence_count,
                    .lateness_us = run_lateness_us(run, daemon->core->now),
                    .attempt_count = run->attempts.failed_count + 1,
                    .tokens = task->tokens,
                    .released = released,
                    .any_one = released && daemon->core->tasks[run->task].definition->after->any,
                    .woken = claim_is_of_notification(run),
                    .heard_us_ago = mono_since(daemon->core->now, daemon->core->tasks[run->task].heard),
                    .looks = run->claim_state == CLAIM_DOUBTED},
    };
}

struct command_work work_of_command(const struct daemon *daemon, struct handle handle,
                                    const struct run *run) {
    return (struct command_work){
        .run = handle,
        .task = run->definition->name,
        .argv = run->definition->argv,
        .directory = daemon->directory,
        .conninfo = &daemon->pools[run->pool]->conninfo,
        .checks_clients = daemon->pools[run->pool]->checks_clients,
        .run_number = run->number,
        .due = run_key(run->definition, run->due_first, run->occurrence_count),
        .input = -1,
    };
}
