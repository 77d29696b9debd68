#include "scheduler/simulate/tally.h"

#include <stdlib.h>

#include "scheduler/core/grant.h"
#include "scheduler/core/state.h"

/* --- lateness: sixteen counters to an octave, so a percentile is right within a sixteenth --- */

#define PRECISION_BITS 4
#define PRECISION      (1 << PRECISION_BITS)
#define BUCKETS        (PRECISION * (60 - PRECISION_BITS))

struct simulate_lateness {
    uint32_t counts[BUCKETS];
    uint64_t count;
    int64_t worst_us;
};

static uint32_t bucket_of(int64_t us) {
    if (us < PRECISION)
        return us > 0 ? (uint32_t)us : 0;
    uint32_t octave = 63 - (uint32_t)__builtin_clzll((unsigned long long)us);
    uint32_t part = (uint32_t)(us >> (octave - PRECISION_BITS)) & (PRECISION - 1);
    uint32_t bucket = PRECISION * (octave - PRECISION_BITS + 1) + part;
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

/* The middle of what falls into the bucket. */
static int64_t value_of(uint32_t bucket) {
    if (bucket < PRECISION)
        return bucket;
    uint32_t shift = bucket / PRECISION - 1;
    int64_t least = (int64_t)(PRECISION + bucket % PRECISION) << shift;
    return least + ((INT64_C(1) << shift) - 1) / 2;
}

static void see(struct simulate_lateness *lateness, int64_t us) {
    lateness->counts[bucket_of(us)]++;
    lateness->worst_us = lateness->count++ == 0 || us > lateness->worst_us ? us : lateness->worst_us;
}

static int64_t percentile(const struct simulate_lateness *lateness, uint64_t percent) {
    uint64_t rank = (lateness->count * percent + 99) / 100, seen = 0;
    for (uint32_t i = 0; rank && i < BUCKETS; i++) {
        seen += lateness->counts[i];
        if (seen >= rank)
            return value_of(i) < lateness->worst_us ? value_of(i) : lateness->worst_us;
    }
    return -1;
}

/* --- the books --- */

void tally_init(struct tally *tally, const struct core *core, struct simulate_facts *facts) {
    *tally = (struct tally){
        .core = core,
        .facts = facts,
        .lateness = calloc((size_t)core->task_count + 1, sizeof *tally->lateness),
        .queueing = calloc((size_t)core->task_count + 1, sizeof *tally->queueing),
    };
    if (!tally->lateness || !tally->queueing)
        abort();
    for (uint32_t i = 0; i < core->task_count; i++)
        if (core->tasks[i].definition->overlap == OVERLAP_QUEUE || core->tasks[i].definition->window)
            tally->queueing[tally->queueing_count++] = i;
}

void tally_finish(struct tally *tally) {
    free(tally->lateness);
    free(tally->queueing);
    *tally = (struct tally){0};
}

void tally_record(struct tally *tally, const struct record *record) {
    struct simulate_task *task = &tally->facts->tasks[record->task];
    uint64_t count = (uint64_t)record->occurrence_count;
    task->due_count += count;
    if (record->outcome == OUTCOME_SKIPPED) {
        task->skipped_count += count;
        return;
    }
    task->run_count++;
    task->merged_count += count - 1;
    task->failed_count += record->outcome != OUTCOME_OK && record->outcome != OUTCOME_TIMEOUT;
    task->timeout_count += record->outcome == OUTCOME_TIMEOUT;
    task->session_us = us_add(task->session_us, record->session_us);
    task->outside_us = us_add(task->outside_us, record->outside_us);
    see(&tally->lateness[record->task], record->lateness_us);
}

/* --- what waits --- */

static void wait_for(struct tally *tally, uint32_t run_index, enum reason_code reason, int64_t us) {
    const struct run *run = &tally->core->runs[run_index];
    tally->facts->tasks[run->task].waited_us[reason] += us;
    tally->facts->pools[run->pool].waited_us[reason] += us;
}

static void pass_lines(struct tally *tally, uint32_t pool, int64_t us) {
    for (enum line line = 0; line < LINES; line++) {
        const struct due *waiting = &tally->core->pools[pool].queue.lines[line];
        enum reason_code reason = waiting->count ? grant_why(tally->core, pool, line).reason : REASON_NONE;
        for (uint32_t i = 0; i < waiting->count; i++)
            wait_for(tally, waiting->entries[i].id, reason, us);
    }
}

/* Sent, and behind others on their session. */
static void pass_sent(struct tally *tally, int64_t us) {
    const struct core *core = tally->core;
    for (uint32_t i = 0; i < core->session_used; i++) {
        if (core->sessions[i].run_count < 2)
            continue;
        for (uint32_t run = core->sessions[i].run_first; run != INDEX_NONE; run = core->runs[run].behind)
            if (core->runs[run].state == RUN_SENT)
                wait_for(tally, run, REASON_SHARING, us);
    }
}

static void pass_group(struct tally *tally, uint32_t index, int64_t us) {
    const struct core *core = tally->core;
    const struct core_group *group = &core->groups.items[index];
    struct simulate_group *facts = &tally->facts->groups[index];
    facts->busy_us += group->busy.count * us;
    facts->full_us += group->busy.count >= group->settings->limit ? us : 0;
    for (uint32_t i = group->strand_first; i < group->strand_first + group->strand_count; i++)
        for (int priority = PRIORITY_LOW; priority <= PRIORITY_HIGH; priority++)
            for (uint32_t run = core->groups.strands[i].held[priority].first; run != INDEX_NONE;
                 run = core->runs[run].place.next) {
                wait_for(tally, run, REASON_GROUP, us);
                facts->waited_us += us;
            }
}

void tally_pass(struct tally *tally, int64_t us) {
    const struct core *core = tally->core;
    for (uint32_t pool = 0; pool < core->pool_count; pool++)
        if (queue_count(&core->pools[pool].queue))
            pass_lines(tally, pool, us);
    pass_sent(tally, us);
    for (uint32_t i = 0; i < core->unweighted.count; i++)
        wait_for(tally, core->unweighted.entries[i].id, REASON_CHILDREN, us);
    for (uint32_t i = 0; i < tally->queueing_count; i++) {
        uint32_t run = core->tasks[tally->queueing[i]].waiting_run;
        enum held_by held = run == INDEX_NONE ? HELD_BY_NOTHING : core->runs[run].held;
        if (held == HELD_BY_WINDOW || held == HELD_BY_OWN_RUN)
            wait_for(tally, run, held == HELD_BY_WINDOW ? REASON_WINDOW : REASON_OWN_RUN, us);
    }
    for (uint32_t i = 0; i < core->groups.count; i++)
        pass_group(tally, i, us);
}

void tally_close(struct tally *tally) {
    const struct core *core = tally->core;
    for (uint32_t i = 0; i < core->run_used; i++) {
        const struct run *run = &core->runs[i];
        if (run->state == RUN_FREE)
            continue;
        tally->facts->tasks[run->task].due_count += (uint64_t)run->occurrence_count;
        tally->facts->tasks[run->task].unfinished_count += (uint64_t)run->occurrence_count;
    }
    for (uint32_t i = 0; i < core->task_count; i++) {
        const struct simulate_lateness *lateness = &tally->lateness[i];
        struct simulate_task *task = &tally->facts->tasks[i];
        uint64_t passed_count =
            (uint64_t)core->tasks[i].passed_over.due.count; /* no record tells of it yet */
        task->due_count += passed_count;
        task->skipped_count += passed_count;
        task->late_p50_us = percentile(lateness, 50);
        task->late_p99_us = percentile(lateness, 99);
        task->late_worst_us = lateness->count ? lateness->worst_us : -1;
    }
}
