#include "scheduler/status/pool.h"

#include <inttypes.h>
#include <stdlib.h>

#include "scheduler/core/gate.h"
#include "scheduler/status/diagnosis.h"
#include "scheduler/status/words.h"
#include "tasks/duration.h"

/* The slots of the scope that leaves least: usable = application + ours + reserve + free. */
static void print_slots(const struct status *status, const struct core_pool *pool, struct text *text) {
    struct headroom headroom = gate_headroom(status->core, pool);
    char age[DURATION_TEXT_BYTES];
    if (headroom.slots == INT32_MAX) {
        text_add(text, "%s",
                 pool->gate.look_failed ? "the look at the database fails, see the log"
                                        : "not looked at yet");
        return;
    }
    text_add(text, "%d usable%s = %d application + %d ours + %d reserve %c %d %s    sampled %s ago",
             headroom.usable, headroom_scope_words(headroom.scope), headroom.foreground, headroom.held,
             headroom.kept, headroom.slots < 0 ? '-' : '+',
             headroom.slots < 0 ? -headroom.slots : headroom.slots, headroom.slots < 0 ? "too many" : "free",
             duration_glance(mono_since(status->now, pool->gate.known_at), age));
    if (pool->gate.look_failed)
        text_add(text, "  (looks fail since, see the log)");
    if (headroom.burst == headroom.kept && headroom.burst > (int32_t)pool->settings->reserve)
        text_add(text, "  (reserve: its own recent burst)");
}

static void print_limit(const struct core_pool *pool, struct text *text) {
    if (pool->tokens.limit >= pool->settings->size)
        return;
    text_add(text, "  limit       %u of %u tokens in force%s", pool->tokens.limit, pool->settings->size,
             pool->gate.limit.cause == PRESSURE_NONE ? "" : ": ");
    status_pressure(&pool->gate.limit, text);
    text_add(text, "\n");
}

/* Of a scope narrower than the server, where more tokens than it carries never come into force. */
static void print_scope(const struct status *status, const struct core_pool *pool, struct text *text) {
    struct headroom headroom = gate_headroom(status->core, pool);
    int32_t most = headroom.usable - headroom.kept;
    if (headroom.slots == INT32_MAX || headroom.scope == SCOPE_SERVER ||
        most >= (int32_t)pool->settings->size)
        return;
    text_add(text,
             "  size        more than the %d sessions%s: write size = %d, or ALTER %s ... CONNECTION LIMIT\n",
             most, headroom_scope_words(headroom.scope), most > 0 ? most : 1,
             headroom.scope == SCOPE_ROLE ? "ROLE" : "DATABASE");
}

static void print_blindness(const struct core_pool *pool, struct text *text) {
    if (pool->gate.sample.known && pool->gate.sample.invisible_count)
        text_add(
            text,
            "  blind       the state of %d sessions cannot be seen; GRANT pg_monitor to this pool's role\n",
            pool->gate.sample.invisible_count);
    if (pool->gate.sample.known && pool->gate.sample.pooled)
        text_add(
            text,
            "  pooler      a connection pooler is in between: what is promised of sessions holds for its "
            "clients\n");
}

static void print_timeout(const struct core_pool *pool, struct text *text) {
    if (sample_lacks_timeout(&pool->gate.sample, pool->settings->statement_timeout_us))
        text_add(
            text,
            "  timeout     statement_timeout is in force with transaction = on only: startup options do not "
            "come through; ALTER ROLE ... SET statement_timeout\n");
}

static void print_clock(const struct core_pool *pool, struct text *text) {
    const struct sample *sample = &pool->gate.sample;
    char apart[DURATION_TEXT_BYTES];
    if (sample_clocks_are_apart(sample))
        text_add(text, "  clock       the database's is %s %s ours: tasks are due by ours\n",
                 duration_glance(llabs(sample->ahead_us), apart),
                 sample->ahead_us < 0 ? "behind" : "ahead of");
}

static void print_kept(const struct diagnosis *diagnosis, const struct core_pool *pool,
                       const struct core *core, struct text *text) {
    char held[DURATION_TEXT_BYTES], usual[DURATION_TEXT_BYTES];
    if (diagnosis->kept)
        text_add(
            text, "  leak?       %s holds %s for %s, usually %s (run %" PRIu64 ")\n",
            diagnosis->kept->definition->name,
            diagnosis->kept->definition->tokens == 1 ? "a token" : "its tokens",
            duration_glance(diagnosis->kept_us, held),
            duration_glance(core->tasks[diagnosis->kept->task].expected_us[diagnosis->kept->stage], usual),
            diagnosis->kept->number);
    if (diagnosis->foreground_keeps)
        text_add_line(
            text,
            "  leak?       the application has %d session%s idle in transaction, the oldest (%s) for "
            "%s: they keep "
            "slots and locks",
            pool->gate.sample.idle_in_transaction_count,
            pool->gate.sample.idle_in_transaction_count == 1 ? "" : "s",
            *pool->gate.sample.idle_in_transaction_name ? pool->gate.sample.idle_in_transaction_name
                                                        : "no name",
            duration_glance(pool->gate.sample.idle_in_transaction_us, held));
}

/* Silent while all is well. */
static void print_history(const struct status *status, uint32_t index, struct text *text) {
    const struct recording *recording = &status->core->pools[index].recording;
    struct bookkeeping books = status_bookkeeping(status, &status->core->pools[index]);
    char age[DURATION_TEXT_BYTES];
    if (recording->state == RECORDING_BROKEN)
        text_add_line(text, "  history     runs are not recorded for %s: %s; %u record%s wait%s",
                      duration_glance(mono_since(status->now, recording->broken_since), age), books.error,
                      books.waiting_count, books.waiting_count == 1 ? "" : "s",
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
    const struct core *core = status->core;
    const struct core_pool *pool = &core->pools[index];
    struct diagnosis diagnosis = diagnosis_of(status, index);
    print_kept(&diagnosis, pool, core, text);
    if (diagnosis.size_wanted)
        text_add(text,
                 "  too much    the tasks need %" PRId64 ".%" PRId64
                 " tokens on average and there are %u: size = %u would "
                 "carry them, or intervals %u.%02u times as long\n",
                 diagnosis.work_permille / 1000, diagnosis.work_permille % 1000 / 100, pool->settings->size,
                 diagnosis.size_wanted, diagnosis.interval_percent / 100, diagnosis.interval_percent % 100);
    else if (diagnosis.size_possible)
        text_add(
            text,
            "  too small   all %u tokens are taken and %u runs wait; the database has room for size = %u\n",
            pool->settings->size, queue_count(&pool->queue), diagnosis.size_possible);
}

void status_pool(const struct status *status, uint32_t index, struct text *text) {
    const struct core_pool *pool = &status->core->pools[index];
    text_add(text, "pool %-10s ", pool->settings->name);
    print_slots(status, pool, text);
    text_add(text, "%s\n  tokens      ", pool->retired ? "  (removed)" : "");
    status_tokens(&pool->tokens, text);
    text_add(text, "    limit %u    opened %" PRIu64 "  peak %u  waiting %u\n", pool->tokens.limit,
             pool->opened_count, pool->held_peak, queue_count(&pool->queue));
    print_limit(pool, text);
    print_scope(status, pool, text);
    print_blindness(pool, text);
    print_timeout(pool, text);
    print_clock(pool, text);
    print_history(status, index, text);
    print_diagnosis(status, index, text);
    size_t start = text->bytes_count;
    if (pool->failing) {
        text_add(text, "  ");
        status_connect(status, pool, text);
        text_end_line(text, start, 0);
    }
}
