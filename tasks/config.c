#include "tasks/config.h"

#include <stdlib.h>
#include <string.h>

#include "tasks/config_after.h"
#include "tasks/config_task.h"
#include "tasks/config_wake.h"
#include "tasks/config_zone.h"

static const char *const log_levels[] = {"error", "warning", "info", "debug", NULL};

#define DAEMON(field) offsetof(struct daemon_settings, field)
#define POOL(field)   offsetof(struct pool_settings, field)

static const struct key daemon_keys[] = {
    {"log_level", KEY_CHOICE, DAEMON(log_level), "info", 0, 0, log_levels},
    {"name", KEY_TEXT, DAEMON(name), ""},
    {"control", KEY_TEXT, DAEMON(control), ""},
    {"status_file", KEY_TEXT, DAEMON(status_file), ""},
    {"drain_timeout", KEY_DURATION, DAEMON(drain_timeout_us), "30s", 0, US_PER_DAY},
    {"spool", KEY_TEXT, DAEMON(spool), ""},
    {"children", KEY_COUNT, DAEMON(children), "64", 1, 10000},
    {"zone", KEY_TEXT, DAEMON(zone_name), "UTC"},
    {0},
};

static const struct key pool_keys[] = {
    {"conninfo", KEY_TEXT, POOL(conninfo), ""},
    {"pooler_conninfo", KEY_TEXT, POOL(pooler_conninfo), ""},
    {"size", KEY_COUNT, POOL(size), "4", 1, POOL_SIZE_MAX},
    {"connect_timeout", KEY_DURATION, POOL(connect_timeout_us), "10s", US_PER_MS, US_PER_H},
    {"statement_timeout", KEY_DURATION, POOL(statement_timeout_us), "0", 0, 20 * US_PER_DAY},
    {"recycle", KEY_DURATION, POOL(recycle_us), "30min", US_PER_S, SCHEDULE_EVERY_MAX_US},
    {"idle", KEY_DURATION, POOL(idle_us), "10s", US_PER_MS, SCHEDULE_EVERY_MAX_US},
    {"ping", KEY_DURATION, POOL(ping_us), "30s", US_PER_MS, SCHEDULE_EVERY_MAX_US},
    {"leak_warning", KEY_DURATION, POOL(leak_warning_us), "30s", 0, SCHEDULE_EVERY_MAX_US},
    {"linger", KEY_DURATION, POOL(linger_us), "1min", US_PER_S, US_PER_DAY},
    {"reserve", KEY_COUNT, POOL(reserve), "0", 0, 100000},
    {"burst_window", KEY_DURATION, POOL(burst_window_us), "5min", US_PER_S, US_PER_DAY},
    {"sample", KEY_DURATION, POOL(sample_us), "1s", 10 * US_PER_MS, US_PER_H},
    {"sample_idle", KEY_DURATION, POOL(sample_idle_us), "30s", 10 * US_PER_MS, US_PER_DAY},
    {"stale", KEY_DURATION, POOL(stale_us), "3s", 20 * US_PER_MS, US_PER_DAY},
    {"cool_down", KEY_DURATION, POOL(cool_down_us), "10s", 0, US_PER_DAY},
    {"high_samples", KEY_COUNT, POOL(high_samples), "2", 1, 1000},
    {"clear_samples", KEY_COUNT, POOL(clear_samples), "5", 1, 1000},
    {"active_high", KEY_COUNT, POOL(active_high), "4", 0, 10000},
    {"lock_waiters_high", KEY_COUNT, POOL(lock_waiters_high), "5", 0, 100000},
    {"round_trip_high", KEY_COUNT, POOL(round_trip_high), "20", 0, 100000},
    {"replica_lag_high", KEY_DURATION, POOL(replica_lag_high_us), "10s", 0, US_PER_DAY},
    {"pooler_waiting_high", KEY_COUNT, POOL(pooler_waiting_high), "1", 0, 100000},
    {"low_watermark", KEY_COUNT, POOL(low_watermark), "70", 1, 100},
    {"short", KEY_DURATION, POOL(short_us), "20ms", 0, US_PER_S},
    {"max_wait", KEY_DURATION, POOL(max_wait_us), "1min", US_PER_S, US_PER_DAY},
    {"history", KEY_SWITCH, POOL(history), "off"},
    {"history_keep", KEY_DURATION, POOL(history_keep_us), "30d", US_PER_MIN, SCHEDULE_EVERY_MAX_US},
    {"history_rows", KEY_COUNT, POOL(history_rows), "1000000", 0, 100000000},
    {0},
};

static const struct key group_keys[] = {
    {"limit", KEY_COUNT, offsetof(struct group_settings, limit), "1", 1, 1000},
    {0},
};

/* --- the file --- */

/* The name of a file that gives itself none: two hosts with the same file have it in common.
 * /etc/headgate/app.ini is app. */
static const char *name_of_file(const char *path, struct arena *arena) {
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t length = strlen(base);
    if (length > 4 && strcmp(base + length - 4, ".ini") == 0)
        length -= 4;
    length = length > NAME_BYTES_MAX ? NAME_BYTES_MAX : length;
    char *name = arena_text(arena, base, length);
    for (char *at = name; *at; at++)
        if (!strchr(KEYS_NAME_LETTERS, *at))
            *at = '_';
    return *name ? name : "headgate";
}

void config_name_service(struct taskset *set, const char *path) {
    if (!*set->daemon.name)
        set->daemon.name = name_of_file(path, &set->arena);
    for (uint32_t i = 0; i < set->task_count; i++)
        set->tasks[i].service = set->daemon.name;
}

static void read_daemon(const struct config_reading *reading, const struct inifile_section *section) {
    struct daemon_settings *daemon = &reading->set->daemon;
    keys_read(daemon_keys, section, daemon, reading->faults);
    if (*daemon->name)
        keys_check_name(daemon->name, keys_line(section, "name"), reading->faults);
    daemon->zone = config_zone(reading, daemon->zone_name, keys_line(section, "zone"));
}

static void read_pool(const struct config_reading *reading, const struct inifile_section *section) {
    struct taskset *set = reading->set;
    struct pool_settings *pool = &set->pools[set->pool_count];
    *pool =
        (struct pool_settings){.name = keys_section_name(section, reading->faults), .line = section->line};
    if (*pool->name && set->pool_count == POOLS_MAX)
        fault_add(reading->faults, section->line, "this is pool %d; the limit is %d", POOLS_MAX + 1,
                  POOLS_MAX);
    else if (*pool->name)
        set->pool_count++;
    keys_read(pool_keys, section, pool, reading->faults);
    pool->conninfo_line = keys_line(section, "conninfo");
    pool->pooler_conninfo_line = keys_line(section, "pooler_conninfo");
}

static void read_group(const struct config_reading *reading, const struct inifile_section *section) {
    struct taskset *set = reading->set;
    struct group_settings *group = &set->groups[set->group_count];
    *group = (struct group_settings){.name = keys_section_name(section, reading->faults),
                                     .line = section->line};
    if (*group->name && set->group_count == GROUPS_MAX)
        fault_add(reading->faults, section->line, "this is group %d; the limit is %d", GROUPS_MAX + 1,
                  GROUPS_MAX);
    else if (*group->name)
        set->group_count++;
    keys_read(group_keys, section, group, reading->faults);
}

static void read_sections(const struct config_reading *reading, const struct inifile *file) {
    const struct inifile_section nothing = {.name = "headgate"};
    read_daemon(reading, &nothing);
    for (uint32_t i = 0; i < file->section_count; i++) {
        const struct inifile_section *section = &file->sections[i];
        if (keys_is_kind(section, "pool"))
            read_pool(reading, section);
        else if (keys_is_kind(section, "group"))
            read_group(reading, section);
        else if (strcmp(section->name, "headgate") == 0)
            read_daemon(reading, section);
        else if (*section->name && !keys_is_kind(section, "task")) /* one without a name was refused before */
            fault_add(reading->faults, section->line,
                      "[%s] is not a section of this file; there are [headgate], [pool NAME], [group NAME] and "
                      "[task NAME]",
                      section->name);
    }
    taskset_sort_groups(reading->set);
    for (uint32_t i = 0; i < file->section_count; i++) /* after pools and groups, which may stand anywhere */
        if (keys_is_kind(&file->sections[i], "task"))
            config_read_task(reading, &file->sections[i]);
}

struct taskset *config_read(const char *text, size_t text_bytes, const struct config_files *files,
                            struct faults *faults) {
    static const struct config_files no_files = {0};
    struct taskset *set = taskset_create();
    struct arena tables = {0};
    struct inifile file;
    inifile_read(text, text_bytes, &set->arena, &tables, faults, &file);
    set->pools = arena_alloc(&set->arena, (POOLS_MAX + 1) * sizeof *set->pools);
    set->groups = arena_alloc(&set->arena, (GROUPS_MAX + 1) * sizeof *set->groups);
    set->tasks = arena_alloc(&set->arena, ((size_t)file.section_count + 1) * sizeof *set->tasks);
    const struct config_reading reading = {set, faults, files ? files : &no_files,
                                           arena_alloc(&tables, sizeof(struct config_zones))};
    read_sections(&reading, &file);
    arena_finish(&tables);
    taskset_seal(set);
    config_after_link(set, faults);
    config_wake_check(set, faults);
    if (faults->count == 0 && set->pool_count == 0)
        fault_add(faults, 0,
                  "there is no [pool NAME]; it says which database, and how many sessions at most");
    if (faults->count == 0 && set->task_count == 0)
        fault_add(faults, 0, "there is no [task NAME]; nothing would ever run");
    return set;
}

static const struct key *keys_of(const char *section_kind) {
    return strcmp(section_kind, "headgate") == 0 ? daemon_keys
           : strcmp(section_kind, "pool") == 0   ? pool_keys
           : strcmp(section_kind, "group") == 0  ? group_keys
                                                 : config_task_keys;
}

const char *config_key_name(const char *section_kind, size_t index) {
    return keys_of(section_kind)[index].name;
}

const char *config_key_default(const char *section_kind, size_t index) {
    const char *initial = keys_of(section_kind)[index].initial;
    return initial ? initial : "";
}
