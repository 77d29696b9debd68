/*
 * Why a run waits and what a task does, in words that lead to the right action.
 */
#include <inttypes.h>
#include <stdio.h>

#include "scheduler/core/gate.h"
#include "scheduler/core/pause.h"
#include "scheduler/status/rows.h"
#include "tasks/duration.h"

static void note_longest(const struct status *status, uint32_t pool, struct text *text) {
    uint32_t longest = status->longest_of_pool[pool];
    if (longest == INDEX_NONE)
        return;
    const struct run *run = &status->core->runs[longest];
    char age[DURATION_TEXT_BYTES];
    text_add(text, ", longest %s %s", run->definition->name,
             duration_glance(mono_since(status->core->now, run->started), age));
}

const char *status_connect_error(const struct status *status, const struct core_pool *pool) {
    if (!pool->failing)
        return NULL;
    if (pool->failure == CONNECT_STANDBY) /* which has let us in */
        return connect_failure_advice(CONNECT_STANDBY, "");
    return status->context->connect_error_of
               ? status->context->connect_error_of(status->context->context, pool->settings->name)
               : NULL;
}

void status_connect(const struct status *status, const struct core_pool *pool, struct text *text) {
    const char *error = status_connect_error(status, pool);
    char age[DURATION_TEXT_BYTES], next[DURATION_TEXT_BYTES];
    int64_t until_us = mono_since(pool->next_attempt, status->core->now);
    text_add(text, "no %s for %s", pool->failure == CONNECT_STANDBY ? "primary" : "connection",
             duration_glance(mono_since(status->core->now, pool->failing_since), age));
    if (pool->tokens.opening)
        text_add(text, ", trying now");
    else if (until_us > 0)
        text_add(text, ", next attempt in %s", duration_glance(until_us, next));
    if (error)
        text_add(text, ": %s", error);
}

static void note_sample_age(const struct status *status, const struct core_pool *pool, struct text *text) {
    char age[DURATION_TEXT_BYTES];
    if (pool->gate.sample.known)
        text_add(text, " (seen %s ago)",
                 duration_glance(mono_since(status->core->now, pool->gate.known_at), age));
}

static const char *scope_name(enum scope scope) {
    return scope == SCOPE_ROLE ? " of the role" : scope == SCOPE_DATABASE ? " of the database" : "";
}

static void note_headroom(const struct status *status, const struct core_pool *pool,
                          const struct decision *why, struct text *text) {
    struct headroom headroom = gate_headroom(status->core, pool);
    text_add(text,
             "no headroom: needs %" PRId64
             " of %d slots%s: %d are the application's, %d kept for it, %d ours",
             why->threshold, headroom.usable, scope_name(headroom.scope), headroom.foreground, headroom.kept,
             headroom.held);
    note_sample_age(status, pool, text);
}

/* Of a limit that our own work fills, what the application has says nothing. */
static void note_full(const struct status *status, const struct core_pool *pool, struct text *text) {
    if (gate_own_room(pool) < 1)
        text_add(text, "no slot is left: %d%s, and %u are ours", headroom_narrowest(&pool->gate.sample),
                 headroom_scope_words(gate_headroom(status->core, pool).scope), tokens_held(&pool->tokens));
    else
        text_add(text, "the database is full: not one slot is free");
    note_sample_age(status, pool, text);
}

static void note_reason(const struct status *status, const struct run *run, const struct decision *why,
                        struct text *text) {
    const struct core_pool *pool = &status->core->pools[run->pool];
    char delay[DURATION_TEXT_BYTES];
    switch (why->reason) {
    case REASON_NONE: text_add(text, "starts now"); break;
    case REASON_TOKENS:
        text_add(text, "no token: %" PRId64 " of %" PRId64 " taken", why->number, why->threshold);
        note_longest(status, run->pool, text);
        break;
    case REASON_LIMIT:
        text_add(text, "no token in force: %" PRId64 " of %" PRId64 " taken, size %u", why->number,
                 why->threshold, pool->settings->size);
        status_pressure(&pool->gate.limit, text);
        break;
    case REASON_HEADROOM: note_headroom(status, pool, why, text); break;
    case REASON_FULL: note_full(status, pool, text); break;
    case REASON_SHARING:
        text_add(text, "%" PRId64 " open session%s will get to it in time", why->number,
                 why->number == 1 ? "" : "s");
        break;
    case REASON_STALE:
        text_add(text, "no session is free to look at the database, and nothing more is opened blindly");
        note_sample_age(status, pool, text);
        break;
    case REASON_HEAVY: text_add(text, "the pool drains for a run of %" PRId64 " tokens", why->number); break;
    case REASON_RETURNED:
        text_add(text, "it kept others waiting (a lock?): starts when it leaves them a token");
        break;
    case REASON_WEIGHT:
        text_add(text, "too few tokens: needs %" PRId64 ", has %" PRId64, why->threshold, why->number);
        note_longest(status, run->pool, text);
        break;
    case REASON_OPENING:
        text_add(text, "opening %" PRId64 " session%s", why->number, why->number == 1 ? "" : "s");
        break;
    case REASON_CHECKING: text_add(text, "asking an idle session whether it still lives"); break;
    case REASON_CLOSING:
        if (why->number)
            text_add(text, "until the server has let go of %" PRId64 " closed session%s, for the token",
                     why->number, why->number == 1 ? "" : "s");
        else if (why->threshold)
            text_add(text, "until work from before the reload gives back %" PRId64 " token%s", why->threshold,
                     why->threshold == 1 ? "" : "s");
        else
            text_add(text, "closing idle sessions for their tokens");
        break;
    case REASON_CONNECT: status_connect(status, pool, text); break;
    case REASON_HISTORY: text_add(text, "reading the history first"); break;
    case REASON_SAMPLE: text_add(text, "looking at the database first"); break;
    case REASON_LEFTOVER:
        text_add(text, "an earlier daemon's sessions still hold %" PRId64 " of %" PRId64 " tokens",
                 why->number, why->threshold);
        break;
    case REASON_RETRY:
        text_add(text, "attempt %" PRId64 " in %s", why->number + 1,
                 duration_glance(mono_since(run->retry_at, status->core->now), delay));
        break;
    case REASON_OWN_RUN: text_add(text, "its own run comes first (overlap = queue)"); break;
    case REASON_CHILDREN:
        if (run->child_count > 1)
            text_add(text, "needs %u children: ", run->child_count);
        text_add(text, "%" PRId64 " of %" PRId64 " children that hold no token run", why->number,
                 why->threshold);
        break;
    case REASON_DRAIN: text_add(text, "the daemon is stopping"); break;
    }
}

static const char *ordinal_suffix(uint32_t n) {
    if (n % 100 / 10 == 1)
        return "th";
    return n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
}

/* What is before it, and what is under way, shared among the tokens in force. */
static void note_guess(const struct status_row *row, struct text *text) {
    char in[DURATION_TEXT_BYTES];
    if (row->starts_in_us > 0)
        text_add(text, "; starts in about %s", duration_glance(row->starts_in_us, in));
}

static struct progress progress_of(const struct status *status, const struct run *run) {
    if (!status->context->progress_of)
        return (struct progress){0};
    return status->context->progress_of(status->context->context, (uint32_t)(run - status->core->runs));
}

/* Half done: what it waits for, since when. */
static void note_between(const struct status *status, const struct run *run, struct text *text) {
    struct progress progress = progress_of(status, run);
    char age[DURATION_TEXT_BYTES];
    if (run->stage == STAGE_WRITE)
        text_add(text, "to write %" PRIu64 " line%s", progress.line_count,
                 progress.line_count == 1 ? "" : "s");
    else
        text_add(text, "to work on %" PRIu64 " row%s", progress.row_count,
                 progress.row_count == 1 ? "" : "s");
    text_add(text, " for %s: ", duration_glance(mono_since(status->core->now, run->since), age));
}

static void note_working(const struct status *status, const struct run *run, struct text *text) {
    struct progress progress = progress_of(status, run);
    char age[DURATION_TEXT_BYTES];
    text_add(text,
             "outside for %s, no token: ", duration_glance(mono_since(status->core->now, run->started), age));
    if (run->definition->stages->parallel)
        text_add(text, "%" PRIu64 " of %" PRIu64 " rows done, ", progress.done_count, progress.row_count);
    else if (run->definition->stages->read)
        text_add(text, "%" PRIu64 " row%s, ", progress.row_count, progress.row_count == 1 ? "" : "s");
    if (progress.failed_count)
        text_add(text, "%" PRIu64 " failed, ", progress.failed_count);
    text_add(text, "%u child%s", progress.child_count, progress.child_count == 1 ? "" : "ren");
}

static void note_waiting(const struct status *status, const struct status_row *row, struct text *text) {
    if (row->waiting->begun)
        note_between(status, row->waiting, text);
    note_reason(status, row->waiting, &row->why, text);
    if (row->place > 1)
        text_add(text, "; %u%s in line", row->place, ordinal_suffix(row->place));
    note_guess(row, text);
    if (row->waiting->occurrence_count > 1)
        text_add(text, "; answers %" PRId64 " occurrences", row->waiting->occurrence_count);
}

/* "psql (pid 4711, idle in transaction for 14s)". */
static void note_holder(const struct sample_wait *wait, struct text *text) {
    char age[DURATION_TEXT_BYTES];
    if (wait->holder_pid == 0) {
        text_add(text, "a prepared transaction (see pg_prepared_xacts)");
        return;
    }
    text_add(text, "%s (pid %" PRId32, *wait->holder_name ? wait->holder_name : "a session without a name",
             wait->holder_pid);
    if (*wait->holder_state)
        text_add(text, ", %s for %s", wait->holder_state, duration_glance(wait->holder_state_us, age));
    text_add(text, ")");
}

/* What the last look saw of the run's session. */
static void note_lock(const struct status *status, const struct run *run, struct text *text) {
    const struct core_pool *pool = &status->core->pools[run->pool];
    const struct sample_wait *wait = gate_wait_of(pool, run);
    if (wait) {
        text_add(text, ", waits for a lock that ");
        note_holder(wait, text);
        text_add(text, " holds");
        note_sample_age(status, pool, text);
    } else if (pool->gate.sample.known && !gate_is_fresh(status->core, pool)) {
        text_add(text, ", no session is free to see whether it waits for a lock");
    }
}

static void note_running(const struct status *status, const struct status_row *row, struct text *text) {
    const struct run *run = row->running;
    char age[DURATION_TEXT_BYTES];
    duration_glance(mono_since(status->core->now, run->started), age);
    if (run->state == RUN_SENT)
        text_add(text, "on session %u, behind others for %s", run->session.index + 1, age);
    else if (run->stage == STAGE_WORK)
        note_working(status, run, text);
    else if (stage_needs_session(run->definition, run->stage)) {
        text_add(text, "on session %u for %s", run->session.index + 1, age);
        note_lock(status, run, text);
    } else
        text_add(text, "command for %s, %u token%s", age, run->definition->tokens,
                 run->definition->tokens == 1 ? "" : "s");
    if (row->task->running_count > 1)
        text_add(text, ", the longest of %u runs", row->task->running_count);
    if (run->state == RUN_STOPPING)
        text_add(text, run->stop == STOP_TIMEOUT ? ", timed out"
                       : run->stop == STOP_YIELD ? ", gives way to others"
                                                 : ", told to stop");
}

/* Nothing of it waits, and it is not to run before. */
static void note_kept(const struct status *status, const struct status_row *row, struct text *text) {
    char ahead[DURATION_TEXT_BYTES];
    if (row->state != TASK_WAITING || row->waiting)
        return;
    text_add(text, "what is due up to ");
    status_clock(status, row->task->kept_until, text);
    text_add(
        text,
        " is answered already: the clock of another daemon is %s ahead, or ours was; compare the clocks, "
        "or wait",
        duration_glance(row->task->kept_until.us - status->core->wall.us, ahead));
}

/* An elastic interval, once it is not at its shortest; and what a command's weight does not say. */
static void note_task(const struct status_row *row, struct text *text) {
    const struct schedule *schedule = &row->task->definition->schedule;
    char interval[DURATION_TEXT_BYTES], least[DURATION_TEXT_BYTES];
    const char *gap = text->bytes_count && row->note_start != text->bytes_count ? "; " : "";
    if (row->task->interval_us > schedule->every_us) {
        text_add(text, "%severy %s instead of %s: the database is under pressure", gap,
                 duration_glance(row->task->interval_us, interval),
                 duration_glance(schedule->every_us, least));
        gap = "; ";
    }
    if (row->task->seen_most > row->task->definition->tokens)
        text_add(text, "%sit had %u sessions: write tokens = %u", gap, row->task->seen_most,
                 row->task->seen_most);
    else if (row->task->breached)
        text_add(text, "%sit left something in its session: write session = discard", gap);
}

static void note_hold(const struct status *status, const struct status_row *row, struct text *text) {
    char left[DURATION_TEXT_BYTES];
    if (row->state == TASK_ON_HOLD)
        text_add(text, "%sfailed %u times in a row, skipped for another %s",
                 text->bytes_count != row->note_start ? "; " : "", row->task->failed_in_row,
                 duration_glance(mono_since(row->task->held_until, status->core->now), left));
}

const struct pause *status_pause(const struct status *status, const struct status_row *row) {
    if (!row->task->paused || !status->context->pause_of)
        return NULL;
    return status->context->pause_of(status->context->context, row->task->definition->name);
}

static void note_pause(const struct status *status, const struct status_row *row, struct text *text) {
    const struct pause *pause = status_pause(status, row);
    if (!pause)
        return;
    text_add(text, "%s%ssince ", text->bytes_count != row->note_start ? "; " : "",
             row->state == TASK_PAUSED ? "" : "paused ");
    status_clock(status, pause->since, text);
    text_add(text, " by %s", pause->by);
}

void status_note(const struct status *status, const struct status_row *given, struct text *text) {
    struct status_row own = *given, *row = &own;
    row->note_start = text->bytes_count;
    if (row->waiting)
        note_waiting(status, row, text);
    if (row->waiting && row->running)
        text_add(text, "; ");
    if (row->running)
        note_running(status, row, text);
    note_kept(status, row, text);
    note_pause(status, row, text);
    note_task(row, text);
    note_hold(status, row, text);
    if (!row->waiting && !row->running && row->state == TASK_IDLE && row->task->elsewhere_count > 1)
        text_add(text, "%sthe last %u runs were another daemon's",
                 text->bytes_count != row->note_start ? "; " : "", row->task->elsewhere_count);
    if (row->waiting || row->running || !status->context->failure_of)
        return;
    const char *failure = status->context->failure_of(status->context->context, row->task->definition->name);
    if (failure)
        text_add(text, "%s%s", text->bytes_count != row->note_start ? "; " : "", failure);
}
