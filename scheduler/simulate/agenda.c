#include "scheduler/simulate/agenda.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

static bool is_before(const struct agenda_entry *a, const struct agenda_entry *b) {
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->number < b->number;
}

static void make_room(struct agenda *agenda) {
    if (agenda->count < agenda->capacity)
        return;
    agenda->capacity = agenda->capacity ? agenda->capacity * 2 : 64;
    agenda->entries = realloc(agenda->entries, agenda->capacity * sizeof *agenda->entries);
    if (!agenda->entries)
        abort();
}

void agenda_add(struct agenda *agenda, int64_t at_us, enum agenda_kind kind, uint32_t index, uint32_t stamp) {
    make_room(agenda);
    struct agenda_entry new = {at_us, ++agenda->number, kind, index, stamp};
    uint32_t i = agenda->count++;
    for (; i > 0 && is_before(&new, &agenda->entries[(i - 1) / 2]); i = (i - 1) / 2)
        agenda->entries[i] = agenda->entries[(i - 1) / 2];
    agenda->entries[i] = new;
}

struct agenda_entry agenda_take(struct agenda *agenda) {
    assert(agenda->count > 0);
    struct agenda_entry first = agenda->entries[0], last = agenda->entries[--agenda->count];
    uint32_t i = 0;
    for (uint32_t child; (child = 2 * i + 1) < agenda->count; i = child) {
        if (child + 1 < agenda->count && is_before(&agenda->entries[child + 1], &agenda->entries[child]))
            child++;
        if (!is_before(&agenda->entries[child], &last))
            break;
        agenda->entries[i] = agenda->entries[child];
    }
    agenda->entries[i] = last;
    return first;
}

void agenda_finish(struct agenda *agenda) {
    free(agenda->entries);
    *agenda = (struct agenda){0};
}
