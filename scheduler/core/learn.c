#include "scheduler/core/learn.h"

/* How long the stage takes, and which protocol its text needs. An estimate jumps at most to four times what
 * was thought, and forgets an odd one in eight, as TCP's of a round trip does (RFC 6298): no single run
 * decides. */
void learn_from(struct core_task *task, const struct run *run, enum outcome outcome,
                const struct run_ending *ended, int64_t took_us) {
    bool partly = run->stage == STAGE_WORK && ended->row_count > 0; /* the rest of its work failed */
    bool asked = run->stage == STAGE_WHEN;
    int64_t *expected_us = &task->expected_us[run->stage], most_us = 4 * *expected_us + US_PER_MS;
    if (outcome != OUTCOME_OK && outcome != OUTCOME_NOTHING && outcome != OUTCOME_TIMEOUT && !partly)
        return;
    if (asked ? task->stats.asked_count == 0 : task->stats.ok_count == 0 && run->bites.count == 0)
        *expected_us = took_us;
    else
        *expected_us += ((took_us < most_us ? took_us : most_us) - *expected_us) / 8;
    if (asked)
        return;
    if (ended->simple)
        task->protocol = PROTOCOL_SIMPLE;
    else if (task->protocol != PROTOCOL_SIMPLE)
        task->protocol =
            run->stage == STAGE_WHOLE && outcome == OUTCOME_OK ? PROTOCOL_EXTENDED : PROTOCOL_UNKNOWN;
}

void learn_end(struct core *core, const struct run *run, const struct record *record) {
    struct core_task *task = &core->tasks[run->task];
    struct task_stats *stats = &task->stats;
    bool fine = record->outcome == OUTCOME_OK || record->outcome == OUTCOME_NOTHING;
    task->elsewhere_count = 0;
    task->kept_until.us = 0;
    stats->has_ended_run = true;
    stats->last_outcome = record->outcome;
    stats->last_took_us = record->took_us;
    stats->last_key = record->key_first;
    stats->session_us += record->session_us;
    stats->outside_us += record->outside_us;
    stats->ok_count += fine;
    stats->failed_count += !fine;
    quantile_add(&core->late[run->task], record->lateness_us);
    quantile_add(&core->took[run->task], record->took_us);
}
