#include "scheduler/core/start.h"

#include "scheduler/core/claim.h"
#include "scheduler/core/release.h"
#include "scheduler/core/run.h"
#include "scheduler/core/session.h"

void run_start(struct core *core, uint32_t index, uint32_t session, struct actions *actions) {
    struct run *run = &core->runs[index];
    bool first = session == INDEX_NONE || core->sessions[session].run_count == 0;
    run->commits = run->cut_short = false;
    if (run->bites.count && run->attempts.failed_count == 0)
        run->bites.gave_way_us += mono_since(core->now, run->since);
    run_note_start(core, run);
    claim_choose(core, run);
    run_move(core, index, first ? RUN_RUNNING : RUN_SENT);
    if (session != INDEX_NONE) {
        run->session = core_session_handle(core, session);
        core_session_take_run(core, session, index);
    }
    run_action(core, index, ACTION_START, actions);
    release_groups(core); /* nobody else has a turn that it has taken */
}

void run_stop(struct core *core, uint32_t index, enum stop_cause cause, struct actions *actions) {
    struct core_session *session = core_session(core, core->runs[index].session);
    core->runs[index].stop = cause;
    run_move(core, index, RUN_STOPPING);
    if (session) {
        session->cancelled = true;
        core_session_rest(core, core->runs[index].session.index);
    }
    run_action(core, index, ACTION_CANCEL, actions);
}

void run_yield(struct core *core, uint32_t index, struct actions *actions) {
    run_stop(core, index, STOP_YIELD, actions);
    run_action(core, index, ACTION_YIELDED, actions);
}
