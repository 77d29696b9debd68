/*
 * The time zones of an ini file: each is read once, however many tasks name it.
 */
#ifndef TASKS_CONFIG_ZONE_H
#define TASKS_CONFIG_ZONE_H

#include "tasks/config_reading.h"

#define CONFIG_ZONES_MAX 1024 /* tzdata has 600 */

/* Those that were read. */
struct config_zones {
    const struct zone *by_hash[CONFIG_ZONES_MAX]; /* at the hash of its name or behind; NULL: free */
    uint32_t count;
};

/* The zone of that name, owned by the set; UTC after a fault for the line. */
const struct zone *config_zone(const struct config_reading *reading, const char *name, uint32_t line);

#endif
