#include "table.h"

#include <stddef.h>

static struct spans *rows_of(struct table *table, bool counts) {
    return counts ? &table->rows : &table->triggered;
}

/* The last row of that life in the range. */
static struct span *own_row(struct table *table, const struct span *span, bool counts) {
    struct spans *rows = rows_of(table, counts);
    struct span *row = spans_until(rows, span->last);
    for (; row && row >= rows->items && row->first >= span->first; row--)
        if (row->life == span->life)
            return row;
    return NULL;
}

/* start(): what the front of the range shares with a row that is there is cut off. */
static enum failure_kind claim_looking(struct table *table, struct span span, int64_t *ret_from,
                                       int64_t *ret_answered_until) {
    struct span *answered = spans_until(&table->rows, span.last);
    if (answered && answered->last >= span.first) {
        span.first = key_after(table->schedule, answered->last);
        if (span.first > span.last) {
            bool own =
                answered->life == span.life && answered->state == ROW_RUNNING && span.state == ROW_RUNNING;
            *ret_from = answered->first;
            *ret_answered_until = table->rows.items[table->rows.count - 1].last;
            return own ? FAILURE_OTHER : FAILURE_TAKEN;
        }
    }
    *ret_from = span.first;
    spans_add(&table->rows, span);
    return FAILURE_OTHER;
}

enum failure_kind table_claim(struct table *table, const struct claim_call *call, int64_t *ret_from,
                              int64_t *ret_answered_until) {
    *ret_answered_until = 0;
    *ret_from = call->span.first;
    if (call->counts && !call->by_key)
        return claim_looking(table, call->span, ret_from, ret_answered_until);
    struct spans *rows = rows_of(table, call->counts);
    const struct span *there = spans_meeting(rows, call->span.first, call->span.last);
    if (there && (call->counts || there->life != call->span.life))
        return FAILURE_TAKEN;
    if (!there)
        spans_add(rows, call->span);
    return FAILURE_OTHER;
}

void table_end_pending(struct table *table, const struct span *span, bool counts, bool commits) {
    struct span *row = own_row(table, span, counts);
    if (row && row->state == ROW_PENDING && commits)
        row->state = ROW_OK;
    else if (row && row->state == ROW_PENDING)
        spans_remove(rows_of(table, counts), row);
}

bool table_finish(struct table *table, const struct span *span, bool counts) {
    struct span *row = own_row(table, span, counts);
    if (!row || row->state != ROW_RUNNING)
        return false;
    row->state = ROW_OK;
    return true;
}

/* Inserts the pieces of the range that no other row answers; rows that only say that there is no record make
 * room. */
static void insert_free(struct table *table, struct span span) {
    for (struct span *other;
         span.first <= span.last && (other = spans_meeting(&table->rows, span.first, span.last));) {
        struct span was = *other, piece = span;
        if (was.state == ROW_HOLE) {
            spans_remove(&table->rows, other);
            piece = was;
            piece.last = key_before(table->schedule, span.first);
            if (piece.first <= piece.last)
                spans_add(&table->rows, piece);
            piece.first = key_after(table->schedule, span.last);
            piece.last = was.last;
            if (piece.first <= piece.last)
                spans_add(&table->rows, piece);
            continue;
        }
        piece.last = key_before(table->schedule, was.first);
        if (piece.first <= piece.last)
            spans_add(&table->rows, piece);
        span.first = key_after(table->schedule, was.last);
    }
    if (span.first <= span.last)
        spans_add(&table->rows, span);
}

/* A row whose run answered what came due while it waited for its next attempt: up to there, or to the next
 * row. */
static void grow(struct table *table, struct span *row, int64_t until) {
    const struct span *next = row + 1;
    if (next < table->rows.items + table->rows.count && next->first <= until)
        until = key_before(table->schedule, next->first);
    row->last = until > row->last ? until : row->last;
}

bool table_record(struct table *table, const struct record_call *call, bool *ret_ok) {
    struct span *row = own_row(table, &call->span, call->counts);
    struct span entry = call->span;
    bool unknown = entry.state == ROW_UNKNOWN,
         resolved = unknown && (call->transactional || (call->claiming && !row));
    if (call->released) {
        if (row && row->state == ROW_RUNNING)
            spans_remove(rows_of(table, call->counts), row);
        return false;
    }
    if (resolved)
        entry.state = call->transactional && row && row->state == ROW_OK ? ROW_OK : ROW_FAILED;
    if (row) {
        row->state = entry.state;
        if (call->counts && row->last < entry.last)
            grow(table, row, entry.last);
    } else if (call->counts) {
        insert_free(table, entry);
    }
    *ret_ok = entry.state == ROW_OK;
    return unknown && call->transactional;
}

/* The holes between rows before what this daemon answers itself; behind a run that is under way is none yet.
 */
static void note_holes(struct table *table, uint32_t life, int64_t answers_us) {
    for (uint32_t i = 0; i + 1 < table->rows.count && table->rows.items[i + 1].first < answers_us; i++) {
        const struct span *row = &table->rows.items[i];
        int64_t first = key_after(table->schedule, row->last), last = key_before(table->schedule, row[1].first);
        if (row->state != ROW_RUNNING && first <= last)
            spans_add(&table->rows,
                      (struct span){.first = first, .last = last, .life = life, .state = ROW_HOLE});
    }
}

static void lose_running(struct spans *rows, uint32_t life) {
    for (uint32_t i = 0; i < rows->count; i++)
        if (rows->items[i].state == ROW_RUNNING && rows->items[i].life < life)
            rows->items[i].state = ROW_LOST;
}

void table_restore(struct table *table, uint32_t life, bool guarded, int64_t answers_us,
                   int64_t *ret_answered_until, int64_t *ret_ahead_until) {
    lose_running(&table->rows, life);
    lose_running(&table->triggered, life);
    if (!guarded && !table->sparse)
        note_holes(table, life, answers_us);
    table->sparse = guarded;
    table->known_us = answers_us - 1 < table->known_us ? answers_us - 1 : table->known_us;
    const struct span *before = spans_until(&table->rows, answers_us - 1);
    const struct span *last = table->rows.count ? &table->rows.items[table->rows.count - 1] : NULL;
    *ret_answered_until = before && before->last > table->known_us ? before->last : table->known_us;
    *ret_ahead_until = last && last->first >= answers_us ? last->last : 0;
}
