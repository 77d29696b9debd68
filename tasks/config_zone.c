#include "tasks/config_zone.h"

#include <string.h>

#include "tasks/hash.h"

static const struct zone *read_zone(const struct config_reading *reading, const char *name, uint32_t line) {
    if (zone_is_name(name) && reading->files->read_zone)
        return reading->files->read_zone(reading->files->context, name, line, &reading->set->arena,
                                         reading->faults);
    fault_add(
        reading->faults, line,
        "zone = '%s' is no name of a time zone; write one of the system's, such as Europe/Berlin, or UTC",
        name);
    return NULL;
}

const struct zone *config_zone(const struct config_reading *reading, const char *name, uint32_t line) {
    struct config_zones *zones = reading->zones;
    uint64_t at = hash_finish(hash_bytes(HASH_START, name, strlen(name)));
    if (strcmp(name, zone_name(zone_utc())) == 0)
        return zone_utc();
    for (; zones->by_hash[at % CONFIG_ZONES_MAX]; at++)
        if (strcmp(zone_name(zones->by_hash[at % CONFIG_ZONES_MAX]), name) == 0)
            return zones->by_hash[at % CONFIG_ZONES_MAX];
    const struct zone *zone = read_zone(reading, name, line);
    if (!zone)
        return zone_utc();
    if (zones->count < CONFIG_ZONES_MAX / 2) { /* beyond, each is read anew */
        zones->by_hash[at % CONFIG_ZONES_MAX] = zone;
        zones->count++;
    }
    return zone;
}
