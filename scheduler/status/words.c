#include "scheduler/status/words.h"

#include <inttypes.h>
#include <stdio.h>

#include "scheduler/core/bites.h"
#include "scheduler/core/gate.h"
#include "scheduler/core/pause.h"
#include "scheduler/status/after.h"
#include "scheduler/status/clock.h"
#include "scheduler/status/group.h"
#include "scheduler/status/wake_words.h"
#include "tasks/duration.h"
#include "tasks/window_text.h"

void status_tokens(const struct tokens *tokens, struct text *text) {
    const struct {
        uint32_t count;
        const char *name;
        bool always;
    } parts[] = {
        {tokens_taken(tokens), "taken", true},
        {tokens->warm + tokens->checking, "warm", true},
        {tokens->opening, "opening", false},
        {tokens->closing, "closing", false},
        {tokens->leftover, "left over", false},
        {tokens->ended, "of ended commands", false},
        {tokens->before, "from before the reload", false},
        {tokens_free(tokens), "free", true},
    };
    uint32_t held = tokens_held(tokens);
    const char *plus = held > tokens->size ? " < " : " = ";
    text_add(text, "%u", tokens->size);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!parts[i].count && !parts[i].always)
            continue;
        text_add(text, "%s%u %s", plus, parts[i].count, parts[i].name);
        plus = " + ";
    }
}

void status_pressure(const struct limit *limit, struct text *text) {
    switch (limit->cause) {
    case PRESSURE_NONE: break;
    case PRESSURE_GATE:
        text_add(text, "the application took %" PRId64 " slot%s of its reserve", limit->number,
                 text_plural(limit->number));
        break;
    case PRESSURE_REFUSED: text_add(text, "the server refused a session, it was full"); break;
    case PRESSURE_ACTIVE:
        text_add(text, "%" PRId64 " application sessions were active, %" PRId64 " are many", limit->number,
                 limit->threshold);
        break;
    case PRESSURE_LOCKS:
        text_add(text, "%" PRId64 " application sessions waited for a lock, %" PRId64 " are many",
                 limit->number, limit->threshold);
        break;
    case PRESSURE_ROUND_TRIP:
        text_add(text, "a look at the database took %s, %s is long", DURATION_GLANCE(limit->number),
                 DURATION_GLANCE(limit->threshold));
        break;
    case PRESSURE_REPLICA_LAG:
        text_add(text, "a replica was %s behind, %s is long", DURATION_GLANCE(limit->number),
                 DURATION_GLANCE(limit->threshold));
        break;
    case PRESSURE_POOLER:
        text_add(text, "%" PRId64 " clients waited in the connection pooler", limit->number);
        break;
    case PRESSURE_LOST: text_add(text, "the database could not be looked at"); break;
    case PRESSURE_BLIND:
        text_add(text, "what %" PRId64 " application sessions do cannot be seen", limit->number);
        break;
    }
}

static int64_t age_us(const struct status *status, struct mono since) {
    return mono_since(status->now, since);
}

void status_connect(const struct status *status, const struct core_pool *pool, struct text *text) {
    const char *error = status_connect_error(status, pool);
    int64_t until_us = mono_since(pool->next_attempt, status->now);
    text_add(text, "no %s for %s", pool->failure == CONNECT_STANDBY ? "primary" : "connection",
             DURATION_GLANCE(age_us(status, pool->failing_since)));
    if (pool->tokens.opening)
        text_add(text, ", trying now");
    else if (until_us > 0)
        text_add(text, ", next attempt in %s", DURATION_GLANCE(until_us));
    if (error)
        text_add(text, ": %s", error);
}

/* --- why a run waits --- */

static void note_longest(const struct status *status, uint32_t pool, struct text *text) {
    uint32_t longest = status->longest_of_pool[pool];
    if (longest == INDEX_NONE)
        return;
    const struct run *run = &status->core->runs[longest];
    text_add(text, ", longest %s %s", run->definition->name, DURATION_GLANCE(age_us(status, run->started)));
}

static void note_sample_age(const struct status *status, const struct core_pool *pool, struct text *text) {
    if (pool->gate.sample.known)
        text_add(text, " (seen %s ago)", DURATION_GLANCE(age_us(status, pool->gate.known_at)));
}

static void note_headroom(const struct status *status, const struct core_pool *pool,
                          const struct decision *why, struct text *text) {
    static const char *const scopes[] = {
        [SCOPE_SERVER] = "", [SCOPE_ROLE] = " of the role", [SCOPE_DATABASE] = " of the database"};
    struct headroom headroom = gate_headroom(status->core, pool);
    text_add(text,
             "no headroom: needs %" PRId64
             " of %d slots%s: %d are the application's, %d kept for it, %d ours",
             why->threshold, headroom.usable, scopes[headroom.scope], headroom.foreground, headroom.kept,
             headroom.held);
    note_sample_age(status, pool, text);
}

/* Where our own work fills the limit, what the application has is not the reason, and is not told. */
static void note_full(const struct status *status, const struct core_pool *pool, struct text *text) {
    if (gate_own_room(pool) < 1)
        text_add(text, "no slot is left: %d%s, and %u are ours", headroom_narrowest(&pool->gate.sample),
                 headroom_scope_words(gate_headroom(status->core, pool).scope), tokens_held(&pool->tokens));
    else
        text_add(text, "the database is full: not one slot is free");
    note_sample_age(status, pool, text);
}

static void note_group(const struct status *status, const struct run *run, const struct decision *why,
                       struct text *text) {
    const struct core *core = status->core;
    const struct core_group *group = &core->groups.items[core->groups.strands[core->tasks[run->task].strand].group];
    text_add(text, "waits for group %s (%" PRId64 " of %" PRId64 "): ", group->settings->name, why->number,
             why->threshold);
    status_group_in_the_way(status, group, text);
}

static void note_closing(const struct decision *why, struct text *text) {
    if (why->number)
        text_add(text, "until the server has let go of %" PRId64 " closed session%s, for the token",
                 why->number, text_plural(why->number));
    else if (why->threshold)
        text_add(text, "until work from before the reload gives back %" PRId64 " token%s", why->threshold,
                 text_plural(why->threshold));
    else
        text_add(text, "closing idle sessions for their tokens");
}

/* Closed, or open and the run is one of those that do not begin in its first second. */
static void note_window(const struct status *status, const struct core_task *task, const struct decision *why,
                        struct text *text) {
    struct wall opens = {why->number}, starts = {why->threshold}, now = status->core->wall;
    if (opens.us <= now.us) {
        text_add(text, "window is open, what waited is spread: starts in %s",
                 DURATION_GLANCE(starts.us > now.us ? starts.us - now.us : 0));
        return;
    }
    text_add(text, "window closed until ");
    window_add_opening(task->definition->zone, opens, now, text);
}

/* Between two bites. */
static void note_break(const struct status *status, const struct run *run, struct text *text) {
    const struct core_pool *pool = &status->core->pools[run->pool];
    text_add(text, "a break, the next in %s", DURATION_GLANCE(mono_since(run->retry_at, status->now)));
    if (!bites_feel_pressure(pool))
        return;
    text_add(text, ": ");
    status_pressure(&pool->gate.limit, text);
}

static void note_reason(const struct status *status, const struct run *run, const struct decision *why,
                        struct text *text) {
    const struct core_pool *pool = &status->core->pools[run->pool];
    int64_t number = why->number, threshold = why->threshold;
    switch (why->reason) {
    case REASON_NONE: text_add(text, "starts now"); break;
    case REASON_TOKENS:
        text_add(text, "no token: %" PRId64 " of %" PRId64 " taken", number, threshold);
        note_longest(status, run->pool, text);
        break;
    case REASON_LIMIT:
        text_add(text, "no token in force: %" PRId64 " of %" PRId64 " taken, size %u%s", number, threshold,
                 pool->settings->size, pool->gate.limit.cause == PRESSURE_NONE ? "" : ": ");
        status_pressure(&pool->gate.limit, text);
        break;
    case REASON_HEADROOM: note_headroom(status, pool, why, text); break;
    case REASON_FULL: note_full(status, pool, text); break;
    case REASON_SHARING:
        text_add(text, "%" PRId64 " open session%s will get to it in time", number, text_plural(number));
        break;
    case REASON_STALE:
        text_add(text, "no session is free to look at the database, and nothing more is opened blindly");
        note_sample_age(status, pool, text);
        break;
    case REASON_HEAVY: text_add(text, "the pool drains for a run of %" PRId64 " tokens", number); break;
    case REASON_RETURNED:
        text_add(text, "it kept others waiting (a lock?): starts when it leaves them a token");
        break;
    case REASON_WEIGHT:
        text_add(text, "too few tokens: needs %" PRId64 ", has %" PRId64, threshold, number);
        note_longest(status, run->pool, text);
        break;
    case REASON_OPENING: text_add(text, "opening %" PRId64 " session%s", number, text_plural(number)); break;
    case REASON_CHECKING: text_add(text, "asking an idle session whether it still lives"); break;
    case REASON_CLOSING: note_closing(why, text); break;
    case REASON_CONNECT: status_connect(status, pool, text); break;
    case REASON_HISTORY: text_add(text, "reading the history first"); break;
    case REASON_SAMPLE: text_add(text, "looking at the database first"); break;
    case REASON_LEFTOVER:
        text_add(text, "an earlier daemon's sessions still hold %" PRId64 " of %" PRId64 " tokens", number,
                 threshold);
        break;
    case REASON_ENDED:
        text_add(text, "sessions of commands that ended still hold %" PRId64 " of %" PRId64 " tokens",
                 why->number, why->threshold);
        break;
    case REASON_BREAK: note_break(status, run, text); break;
    case REASON_RETRY:
        text_add(text, "attempt %" PRId64 " in %s", number + 1,
                 DURATION_GLANCE(mono_since(run->retry_at, status->now)));
        break;
    case REASON_OWN_RUN:
        text_add(text, "its own run comes first (%s)",
                 run->woken ? "it was woken meanwhile" : "overlap = queue");
        break;
    case REASON_WINDOW: note_window(status, &status->core->tasks[run->task], why, text); break;
    case REASON_GROUP: note_group(status, run, why, text); break;
    case REASON_CHILDREN:
        if (run->child_count > 1)
            text_add(text, "needs %u children: ", run->child_count);
        text_add(text, "%" PRId64 " of %" PRId64 " children that hold no token run", number, threshold);
        break;
    case REASON_DRAIN: text_add(text, "the daemon is stopping"); break;
    }
}

static struct progress progress_of(const struct status *status, const struct run *run) {
    if (!status->context->progress_of)
        return (struct progress){0};
    return status->context->progress_of(status->context->context, (uint32_t)(run - status->core->runs));
}

/* "bite 312, 311000 rows, 8400 rows/s, gave way 41s: " */
static void note_bites(const struct status *status, const struct run *run, struct text *text) {
    if (run->bites.count == 0)
        return;
    text_add(text, "bite %u, %" PRIu64 " row%s, %" PRId64 " rows/s, gave way %s: ", run->bites.count + 1,
             run->bites.row_count, text_plural((int64_t)run->bites.row_count),
             status_rows_a_second(status, run), DURATION_GLANCE(status_gave_way_us(status, run)));
}

static const char *ordinal_suffix(uint32_t n) {
    if (n % 100 / 10 == 1)
        return "th";
    return n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
}

static void note_waiting(const struct status *status, const struct status_row *row, struct text *text) {
    const struct run *run = row->waiting;
    note_bites(status, run, text);
    if (run_is_half_done(run)) { /* between two stages */
        struct progress progress = progress_of(status, run);
        bool writes = run->stage == STAGE_WRITE;
        uint64_t count = writes ? progress.line_count : progress.row_count;
        text_add(text, "to %s %" PRIu64 " %s%s for %s: ", writes ? "write" : "work on", count,
                 writes ? "line" : "row", text_plural((int64_t)count),
                 DURATION_GLANCE(age_us(status, run->since)));
    }
    if (run->let_pass && !run->begun)
        text_add(text, "when said yes; ");
    note_reason(status, run, &row->why, text);
    if (row->place > 1)
        text_add(text, "; %u%s in line", row->place, ordinal_suffix(row->place));
    if (row->starts_in_us > 0)
        text_add(text, "; starts in about %s", DURATION_GLANCE(row->starts_in_us));
    if (run->occurrence_count > 1)
        text_add(text, "; answers %" PRId64 " occurrences", run->occurrence_count);
}

/* --- what a run does --- */

/* What the last look at the database saw of the run's session: "..., waits for a lock that psql (pid 4711,
 * idle in transaction for 14s) holds". */
static void note_lock(const struct status *status, const struct run *run, struct text *text) {
    const struct core_pool *pool = &status->core->pools[run->pool];
    const struct sample_wait *wait = gate_wait_of(pool, run);
    bool is_stale = pool->gate.look_failed || age_us(status, pool->gate.known_at) > pool->settings->stale_us;
    if (!wait) {
        if (pool->gate.sample.known && is_stale)
            text_add(text, ", no session is free to see whether it waits for a lock");
        return;
    }
    text_add(text, ", waits for a lock that ");
    if (wait->holder_pid == 0) {
        text_add(text, "a prepared transaction (see pg_prepared_xacts)");
    } else {
        text_add(text, "%s (pid %" PRId32,
                 *wait->holder_name ? wait->holder_name : "a session without a name", wait->holder_pid);
        if (*wait->holder_state)
            text_add(text, ", %s for %s", wait->holder_state, DURATION_GLANCE(wait->holder_state_us));
        text_add(text, ")");
    }
    text_add(text, " holds");
    note_sample_age(status, pool, text);
}

static void note_working(const struct status *status, const struct run *run, struct text *text) {
    struct progress progress = progress_of(status, run);
    text_add(text, "outside for %s, no token: ", DURATION_GLANCE(age_us(status, run->started)));
    if (run->definition->stages->parallel)
        text_add(text, "%" PRIu64 " of %" PRIu64 " rows done, ", progress.done_count, progress.row_count);
    else if (run->definition->stages->read)
        text_add(text, "%" PRIu64 " row%s, ", progress.row_count, text_plural((int64_t)progress.row_count));
    if (progress.failed_count)
        text_add(text, "%" PRIu64 " failed, ", progress.failed_count);
    text_add(text, "%u child%s", progress.child_count, progress.child_count == 1 ? "" : "ren");
}

static void note_running(const struct status *status, const struct status_row *row, struct text *text) {
    const struct run *run = row->running;
    const char *age = DURATION_GLANCE(age_us(status, run->started));
    note_bites(status, run, text);
    if (run->state == RUN_SENT) {
        text_add(text, "on session %u, behind others for %s", run->session.index + 1, age);
    } else if (run->stage == STAGE_WORK) {
        note_working(status, run, text);
    } else if (stage_needs_session(run->definition, run->stage)) {
        text_add(text, "on session %u for %s", run->session.index + 1, age);
        note_lock(status, run, text);
    } else {
        text_add(text, "command for %s, %u token%s", age, run->definition->tokens,
                 text_plural(run->definition->tokens));
    }
    if (row->task->running_count > 1)
        text_add(text, ", the longest of %u runs", row->task->running_count);
    if (run->state == RUN_STOPPING)
        text_add(text, run->stop == STOP_TIMEOUT  ? ", timed out"
                       : run->stop == STOP_YIELD  ? ", gives way to others"
                       : run->stop == STOP_WINDOW ? ", its window has closed"
                                                  : ", told to stop");
}

/* --- a task's note --- */

/* Parts of a note that begins at `start` stand apart. */
static void next_part(struct text *text, size_t start) {
    if (text->bytes_count != start)
        text_add(text, "; ");
}

/* Of a task that waits though no run of it does. */
static void note_kept(const struct status *status, const struct core_task *task, struct text *text) {
    text_add(text, "what is due up to ");
    status_clock(status, task->kept_until, text);
    text_add(text,
             " is answered already: the clock of another daemon is %s ahead, or ours was; compare the "
             "clocks, or wait",
             DURATION_GLANCE(task->kept_until.us - status->core->wall.us));
}

/* What holds of the task whether a run of it is there or not. */
static void note_task(const struct status *status, const struct status_row *row, size_t start,
                      struct text *text) {
    const struct core_task *task = row->task;
    const struct task *definition = task->definition;
    const struct pause *pause = status_pause(status, row);
    if (pause) {
        next_part(text, start);
        text_add(text, "%ssince ", row->state == TASK_PAUSED ? "" : "paused ");
        status_clock(status, pause->since, text);
        text_add(text, " by %s", pause->by);
    }
    if (task->interval_us > definition->schedule.every_us) {
        next_part(text, start);
        text_add(text, "every %s instead of %s: the database is under pressure",
                 DURATION_GLANCE(task->interval_us), DURATION_GLANCE(definition->schedule.every_us));
    }
    if (task->seen_most > definition->tokens) {
        next_part(text, start);
        text_add(text, "it had %u sessions: write tokens = %u", task->seen_most, task->seen_most);
    } else if (task->trust == TRUST_BROKEN) {
        next_part(text, start);
        text_add(text, "it left something in its session: write session = discard");
    }
    if (task->stats.asked_count) {
        next_part(text, start);
        text_add(text, "when said no %" PRIu64 " of %" PRIu64 " time%s", task->stats.nothing_count,
                 task->stats.asked_count, text_plural((int64_t)task->stats.asked_count));
    }
    if (row->state == TASK_ON_HOLD) {
        next_part(text, start);
        text_add(text, "failed %u times in a row, skipped for another %s", task->failed_in_row,
                 DURATION_GLANCE(mono_since(task->held_until, status->now)));
    }
}

void status_note(const struct status *status, const struct status_row *row, struct text *text) {
    const struct core_task *task = row->task;
    size_t start = text->bytes_count;
    if (row->waiting)
        note_waiting(status, row, text);
    if (row->running) {
        next_part(text, start);
        note_running(status, row, text);
    }
    if (row->state == TASK_WAITING && !row->waiting)
        note_kept(status, task, text);
    note_task(status, row, start, text);
    if (row->waiting || row->running)
        return;
    if (row->state == TASK_IDLE && task->definition->wake) {
        next_part(text, start);
        status_wake(status, task, text);
    } else if (row->state == TASK_IDLE && task->definition->schedule.kind == SCHEDULE_NONE) {
        next_part(text, start);
        if (task->definition->after)
            status_after(status, (uint32_t)(task - status->core->tasks), text);
        else
            text_add(text, "runs when it is triggered");
    }
    if (row->state == TASK_IDLE && row->window_closed) {
        next_part(text, start);
        note_window(status, task, &(struct decision){.number = row->window_opens.us}, text);
    }
    if (row->state == TASK_IDLE && task->elsewhere_count > 1) {
        next_part(text, start);
        text_add(text, "the last %u runs were another daemon's", task->elsewhere_count);
    }
    const char *failure = status->context->failure_of
                              ? status->context->failure_of(status->context->context, task->definition->name)
                              : NULL;
    if (failure) {
        next_part(text, start);
        text_add(text, "%s", failure);
    }
}
