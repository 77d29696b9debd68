#include "scheduler/status/pool.h"

#include <inttypes.h>
#include <stdlib.h>

#include "scheduler/core/gate.h"
#include "scheduler/status/diagnosis.h"
#include "scheduler/status/wake_words.h"
#include "scheduler/status/words.h"
#include "tasks/duration.h"

/* The slots of the scope that leaves least: usable = application + ours + reserve + free. */
static void print_slots(const struct status *status, const struct core_pool *pool, struct text *text) {
    struct headroom headroom = gate_headroom(status->core, pool);
    if (headroom.slots == INT32_MAX) {
        text_add(text, pool->gate.look_failed ? "the look at the database fails, see the log"
                                              : "not looked at yet");
        return;
    }
    text_add(text, "%d usable%s = %d application + %d ours + %d reserve %c %d %s    sampled %s ago",
             headroom.usable, headroom_scope_words(headroom.scope), headroom.foreground, headroom.held,
             headroom.kept, headroom.slots < 0 ? '-' : '+',
             headroom.slots < 0 ? -headroom.slots : headroom.slots, headroom.slots < 0 ? "too many" : "free",
             DURATION_GLANCE(mono_since(status->now, pool->gate.known_at)));
    if (pool->gate.look_failed)
        text_add(text, "  (looks fail since, see the log)");
    if (headroom.burst == headroom.kept && headroom.burst > (int32_t)pool->settings->reserve)
        text_add(text, "  (reserve: its own recent burst)");
}

/* Why not all of the tokens are in force, now or ever. */
static void print_limits(const struct status *status, const struct core_pool *pool, struct text *text) {
    struct headroom headroom = gate_headroom(status->core, pool);
    int32_t most = headroom.usable - headroom.kept, size = (int32_t)pool->settings->size;
    if (pool->tokens.limit < pool->settings->size) {
        text_add(text, "  limit       %u of %d tokens in force%s", pool->tokens.limit, size,
                 pool->gate.limit.cause == PRESSURE_NONE ? "" : ": ");
        status_pressure(&pool->gate.limit, text);
        text_add(text, "\n");
    }
    if (headroom.slots != INT32_MAX && headroom.scope != SCOPE_SERVER && most < size)
        text_add(
            text,
            "  size        more than the %d sessions%s: write size = %d, or ALTER %s ... CONNECTION LIMIT\n",
            most, headroom_scope_words(headroom.scope), most > 0 ? most : 1,
            headroom.scope == SCOPE_ROLE ? "ROLE" : "DATABASE");
}

/* What the last look found that a person should know of, and may mend. */
static void print_findings(const struct core_pool *pool, struct text *text) {
    const struct sample *sample = &pool->gate.sample;
    if (sample->known && sample->invisible_count)
        text_add(
            text,
            "  blind       the state of %d sessions cannot be seen; GRANT pg_monitor to this pool's role\n",
            sample->invisible_count);
    if (sample->known && sample->pooled)
        text_add(
            text,
            "  pooler      a connection pooler is in between: what is promised of sessions holds for its "
            "clients\n");
    if (sample_lacks_timeout(sample, pool->settings->statement_timeout_us))
        text_add(
            text,
            "  timeout     statement_timeout is in force with transaction = on only: startup options do not "
            "come through; ALTER ROLE ... SET statement_timeout\n");
    if (sample_clocks_are_apart(sample))
        text_add(text, "  clock       the database's is %s %s ours: tasks are due by ours\n",
                 DURATION_GLANCE(llabs(sample->ahead_us)), sample->ahead_us < 0 ? "behind" : "ahead of");
}

/* Silent while all is well. */
static void print_history(const struct status *status, const struct core_pool *pool, struct text *text) {
    const struct recording *recording = &pool->recording;
    struct bookkeeping books = status_bookkeeping(status, pool);
    if (recording->state == RECORDING_BROKEN)
        text_add_line(text, "  history     runs are not recorded for %s: %s; %u record%s wait%s",
                      DURATION_GLANCE(mono_since(status->now, recording->broken_since)), books.error,
                      books.waiting_count, text_plural(books.waiting_count),
                      books.waiting_count == 1 ? "s" : "");
    else if (recording->state == RECORDING_NEW)
        text_add_line(text, "  history     not read yet: nothing starts before%s%s", *books.error ? ": " : "",
                      books.error);
    else if (books.disk_count)
        text_add(text, "  history     %u records wait, %u of them in a file\n", books.waiting_count,
                 books.disk_count);
    if (*books.shared)
        text_add_line(
            text,
            "  history     the name %s is also that of %s, which has other tasks: write another into "
            "[headgate]",
            status->core->set->daemon.name, books.shared);
    if (books.lost_count)
        text_add(text, "  history     %" PRIu64 " records were lost: see the log\n", books.lost_count);
}

static void print_diagnosis(const struct status *status, uint32_t index, struct text *text) {
    const struct core_pool *pool = &status->core->pools[index];
    const struct sample *sample = &pool->gate.sample;
    struct diagnosis diagnosis = diagnosis_of(status, index);
    const struct run *kept = diagnosis.kept;
    if (kept)
        text_add(text, "  leak?       %s holds %s for %s, usually %s (run %" PRIu64 ")\n",
                 kept->definition->name, kept->definition->tokens == 1 ? "a token" : "its tokens",
                 DURATION_GLANCE(diagnosis.kept_us),
                 DURATION_GLANCE(status->core->tasks[kept->task].expected_us[kept->stage]), kept->number);
    if (diagnosis.foreground_keeps)
        text_add_line(
            text,
            "  leak?       the application has %d session%s idle in transaction, the oldest (%s) for "
            "%s: they keep slots and locks",
            sample->idle_in_transaction_count, text_plural(sample->idle_in_transaction_count),
            *sample->idle_in_transaction_name ? sample->idle_in_transaction_name : "no name",
            DURATION_GLANCE(sample->idle_in_transaction_us));
    if (diagnosis.size_wanted)
        text_add(
            text,
            "  too much    the tasks need %" PRId64 ".%" PRId64
            " tokens on average and there are %u: size = %u would carry them, or intervals %u.%02u times as "
            "long\n",
            diagnosis.work_permille / 1000, diagnosis.work_permille % 1000 / 100, pool->settings->size,
            diagnosis.size_wanted, diagnosis.interval_percent / 100, diagnosis.interval_percent % 100);
    else if (diagnosis.size_possible)
        text_add(
            text,
            "  too small   all %u tokens are taken and %u runs wait; the database has room for size = %u\n",
            pool->settings->size, queue_count(&pool->queue), diagnosis.size_possible);
}

static void print_hearing(const struct status *status, const struct core_pool *pool, struct text *text) {
    struct text words = {0};
    status_hearing(status, pool, &words);
    if (words.bytes_count)
        text_add_line(text, "  wake        %s", words.bytes);
    text_finish(&words);
}

void status_pool(const struct status *status, uint32_t index, struct text *text) {
    const struct core_pool *pool = &status->core->pools[index];
    text_add(text, "pool %-10s ", pool->settings->name);
    print_slots(status, pool, text);
    text_add(text, "%s\n  tokens      ", pool->retired ? "  (removed)" : "");
    status_tokens(&pool->tokens, text);
    text_add(text, "    limit %u    opened %" PRIu64 "  peak %u  waiting %u\n", pool->tokens.limit,
             pool->opened_count, pool->held_peak, queue_count(&pool->queue));
    print_limits(status, pool, text);
    print_findings(pool, text);
    print_hearing(status, pool, text);
    print_history(status, pool, text);
    print_diagnosis(status, index, text);
    if (pool->failing) {
        size_t start = text->bytes_count;
        text_add(text, "  ");
        status_connect(status, pool, text);
        text_end_line(text, start, 0);
    }
}
