#include "scheduler/status/words.h"

#include <inttypes.h>
#include <stdio.h>

#include "scheduler/core/gate.h"
#include "scheduler/core/pause.h"
#include "tasks/duration.h"

void status_clock(const struct status *status, struct wall at, struct text *text) {
    static const int64_t day_s = 86400;
    int64_t s = (at.us + status->context->utc_offset_us) / US_PER_S;
    int64_t now_s = (status->core->wall.us + status->context->utc_offset_us) / US_PER_S;
    int64_t days = s / day_s - now_s / day_s;
    char ahead[24] = "";
    if (days)
        snprintf(ahead, sizeof ahead, "%+" PRId64 "d", days);
    text_add(text, "%02d:%02d:%02d%s", (int)(s % day_s / 3600), (int)(s % 3600 / 60), (int)(s % 60), ahead);
}

void status_tokens(const struct tokens *tokens, struct text *text) {
    const struct {
        uint32_t count;
        const char *name;
        bool always;
    } parts[] = {
        {tokens_taken(tokens), "taken", true},  {tokens->warm + tokens->checking, "warm", true},
        {tokens->opening, "opening", false},    {tokens->closing, "closing", false},
        {tokens->leftover, "left over", false}, {tokens->before, "from before the reload", false},
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
    char a[DURATION_TEXT_BYTES], b[DURATION_TEXT_BYTES];
    switch (limit->cause) {
    case PRESSURE_NONE: break;
    case PRESSURE_GATE:
        text_add(text, "the application took %" PRId64 " slot%s of its reserve", limit->number,
                 limit->number == 1 ? "" : "s");
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
        text_add(text, "a look at the database took %s, %s is long", duration_glance(limit->number, a),
                 duration_glance(limit->threshold, b));
        break;
    case PRESSURE_REPLICA_LAG:
        text_add(text, "a replica was %s behind, %s is long", duration_glance(limit->number, a),
                 duration_glance(limit->threshold, b));
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

static void note_longest(const struct status *status, uint32_t pool, struct text *text) {
    uint32_t longest = status->longest_of_pool[pool];
    if (longest == INDEX_NONE)
        return;
    const struct run *run = &status->core->runs[longest];
    char age[DURATION_TEXT_BYTES];
    text_add(text, ", longest %s %s", run->definition->name,
             duration_glance(mono_since(status->now, run->started), age));
}

void status_connect(const struct status *status, const struct core_pool *pool, struct text *text) {
    const char *error = status_connect_error(status, pool);
    char age[DURATION_TEXT_BYTES], next[DURATION_TEXT_BYTES];
    int64_t until_us = mono_since(pool->next_attempt, status->now);
    text_add(text, "no %s for %s", pool->failure == CONNECT_STANDBY ? "primary" : "connection",
             duration_glance(mono_since(status->now, pool->failing_since), age));
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
        text_add(text, " (seen %s ago)", duration_glance(mono_since(status->now, pool->gate.known_at), age));
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
        text_add(text, "%s", pool->gate.limit.cause == PRESSURE_NONE ? "" : ": ");
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
                 duration_glance(mono_since(run->retry_at, status->now), delay));
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
    text_add(text, " for %s: ", duration_glance(mono_since(status->now, run->since), age));
}

static void note_working(const struct status *status, const struct run *run, struct text *text) {
    struct progress progress = progress_of(status, run);
    char age[DURATION_TEXT_BYTES];
    text_add(text, "outside for %s, no token: ", duration_glance(mono_since(status->now, run->started), age));
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
    } else if (pool->gate.sample.known &&
               (pool->gate.look_failed ||
                mono_since(status->now, pool->gate.known_at) > pool->settings->stale_us)) {
        text_add(text, ", no session is free to see whether it waits for a lock");
    }
}

static void note_running(const struct status *status, const struct status_row *row, struct text *text) {
    const struct run *run = row->running;
    char age[DURATION_TEXT_BYTES];
    duration_glance(mono_since(status->now, run->started), age);
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

/* Parts of a note that begins at `start` stand apart. */
static void next_part(struct text *text, size_t start) {
    if (text->bytes_count != start)
        text_add(text, "; ");
}

/* Of a task that waits though no run of it does. */
static void note_kept(const struct status *status, const struct core_task *task, struct text *text) {
    char ahead[DURATION_TEXT_BYTES];
    text_add(text, "what is due up to ");
    status_clock(status, task->kept_until, text);
    text_add(text,
             " is answered already: the clock of another daemon is %s ahead, or ours was; compare the "
             "clocks, or wait",
             duration_glance(task->kept_until.us - status->core->wall.us, ahead));
}

/* What holds of the task whether a run of it is there or not. */
static void note_task(const struct status *status, const struct status_row *row, size_t start,
                      struct text *text) {
    const struct core_task *task = row->task;
    const struct task *definition = task->definition;
    const struct pause *pause = status_pause(status, row);
    char a[DURATION_TEXT_BYTES], b[DURATION_TEXT_BYTES];
    if (pause) {
        next_part(text, start);
        text_add(text, "%ssince ", row->state == TASK_PAUSED ? "" : "paused ");
        status_clock(status, pause->since, text);
        text_add(text, " by %s", pause->by);
    }
    if (task->interval_us > definition->schedule.every_us) {
        next_part(text, start);
        text_add(text, "every %s instead of %s: the database is under pressure",
                 duration_glance(task->interval_us, a), duration_glance(definition->schedule.every_us, b));
    }
    if (task->seen_most > definition->tokens) {
        next_part(text, start);
        text_add(text, "it had %u sessions: write tokens = %u", task->seen_most, task->seen_most);
    } else if (task->breached) {
        next_part(text, start);
        text_add(text, "it left something in its session: write session = discard");
    }
    if (row->state == TASK_ON_HOLD) {
        next_part(text, start);
        text_add(text, "failed %u times in a row, skipped for another %s", task->failed_in_row,
                 duration_glance(mono_since(task->held_until, status->now), a));
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
