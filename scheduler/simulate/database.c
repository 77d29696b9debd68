#include "scheduler/simulate/database.h"

#include <assert.h>
#include <stdlib.h>

static uint32_t free_of(const struct database *database) {
    uint32_t taken = database->ours_count + database->application_count;
    return database->facts->usable_count > taken ? database->facts->usable_count - taken : 0;
}

static void notice_free(struct database *database) {
    uint32_t free = free_of(database);
    if (free < database->facts->free_least)
        database->facts->free_least = free;
}

/* How many of them found a slot. The others do not come back before the next time. */
static uint32_t arrive(struct database *database, uint32_t count, int64_t at_us) {
    struct simulate_server *facts = database->facts;
    uint32_t free = free_of(database), taken = count < free ? count : free;
    uint64_t free_without_us =
        database->wanted_count < facts->usable_count ? facts->usable_count - database->wanted_count : 0;
    facts->refused_count += count - taken;
    facts->refused_anyway_count += count > free_without_us ? count - free_without_us : 0;
    database->wanted_count += count;
    database->application_count += taken;
    simulate_level_set(&facts->foreground, at_us, database->application_count);
    notice_free(database);
    return taken;
}

void database_init(struct database *database, const struct simulate_options *options,
                   struct simulate_server *facts) {
    *database = (struct database){
        .facts = facts,
        .foregrounds = options->foregrounds,
        .foreground_count = options->foreground_count,
        .burst_counts = calloc((size_t)options->foreground_count + 1, sizeof *database->burst_counts),
    };
    if (!database->burst_counts)
        abort();
    facts->usable_count =
        options->slot_count > options->reserved_count ? options->slot_count - options->reserved_count : 0;
    facts->free_least = facts->usable_count;
    simulate_level_init(&facts->foreground, options->for_us, options->part_count);
    for (uint32_t i = 0; i < options->foreground_count; i++)
        arrive(database, options->foregrounds[i].session_count, 0);
}

void database_finish(struct database *database) {
    free(database->burst_counts);
    *database = (struct database){0};
}

bool database_take(struct database *database, uint32_t count) {
    if (count > free_of(database))
        return false;
    database->ours_count += count;
    notice_free(database);
    return true;
}

void database_give(struct database *database, uint32_t count) {
    assert(count <= database->ours_count);
    database->ours_count -= count;
}

void database_burst(struct database *database, uint32_t foreground, bool begins, int64_t at_us) {
    uint32_t count = database->foregrounds[foreground].burst_count;
    if (begins) {
        database->burst_counts[foreground] = arrive(database, count, at_us);
        return;
    }
    database->application_count -= database->burst_counts[foreground];
    database->wanted_count -= count;
    simulate_level_set(&database->facts->foreground, at_us, database->application_count);
}

static int32_t active_of(const struct database *database) {
    uint64_t active = 0;
    for (uint32_t i = 0; i < database->foreground_count; i++)
        active += database->foregrounds[i].active_count;
    return (int32_t)(active < database->application_count ? active : database->application_count);
}

struct sample database_sample(const struct database *database, uint32_t ours_count, uint32_t command_count,
                              int64_t round_trip_us) {
    int32_t used = (int32_t)(database->ours_count + database->application_count);
    int32_t ours = (int32_t)ours_count;
    return (struct sample){
        .known = true,
        .scopes = {[SCOPE_SERVER] = {(int32_t)database->facts->usable_count, used, ours},
                   [SCOPE_ROLE] = {SLOTS_UNLIMITED, ours, ours},
                   [SCOPE_DATABASE] = {SLOTS_UNLIMITED, used, ours}},
        .max_connections = (int32_t)database->facts->usable_count,
        .command_count = (int32_t)command_count,
        .active_count = active_of(database),
        .round_trip_us = round_trip_us,
    };
}
