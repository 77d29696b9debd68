#include "tasks/config.h"

#include <stdlib.h>
#include <string.h>

#include "tasks/config_parts.h"

static const char *const log_levels[] = {"error", "warning", "info", "debug", NULL};

static const struct key daemon_keys[] = {
    {"log_level", KEY_CHOICE, FIELD(daemon_settings, log_level), "info", 0, 0, log_levels},
    {"name", KEY_TEXT, FIELD(daemon_settings, name), "", 0, 0, NULL},
    {"control", KEY_TEXT, FIELD(daemon_settings, control), "", 0, 0, NULL},
    {"status_file", KEY_TEXT, FIELD(daemon_settings, status_file), "", 0, 0, NULL},
    {"drain_timeout", KEY_DURATION, FIELD(daemon_settings, drain_timeout_us), "30s", 0, US_PER_DAY, NULL},
    {"spool", KEY_TEXT, FIELD(daemon_settings, spool), "", 0, 0, NULL},
    {"children", KEY_COUNT, FIELD(daemon_settings, children), "64", 1, 10000, NULL},
    {0},
};

static const struct key pool_keys[] = {
    {"conninfo", KEY_TEXT, FIELD(pool_settings, conninfo), "", 0, 0, NULL},
    {"pooler_conninfo", KEY_TEXT, FIELD(pool_settings, pooler_conninfo), "", 0, 0, NULL},
    {"size", KEY_COUNT, FIELD(pool_settings, size), "4", 1, POOL_SIZE_MAX, NULL},
    {"connect_timeout", KEY_DURATION, FIELD(pool_settings, connect_timeout_us), "10s", US_PER_MS, US_PER_H,
     NULL},
    {"statement_timeout", KEY_DURATION, FIELD(pool_settings, statement_timeout_us), "0", 0, 20 * US_PER_DAY,
     NULL},
    {"recycle", KEY_DURATION, FIELD(pool_settings, recycle_us), "30min", US_PER_S, YEARS_10, NULL},
    {"idle", KEY_DURATION, FIELD(pool_settings, idle_us), "10s", US_PER_MS, YEARS_10, NULL},
    {"ping", KEY_DURATION, FIELD(pool_settings, ping_us), "30s", US_PER_MS, YEARS_10, NULL},
    {"leak_warning", KEY_DURATION, FIELD(pool_settings, leak_warning_us), "30s", 0, YEARS_10, NULL},
    {"linger", KEY_DURATION, FIELD(pool_settings, linger_us), "1min", US_PER_S, US_PER_DAY, NULL},
    {"reserve", KEY_COUNT, FIELD(pool_settings, reserve), "0", 0, 100000, NULL},
    {"burst_window", KEY_DURATION, FIELD(pool_settings, burst_window_us), "5min", US_PER_S, US_PER_DAY, NULL},
    {"sample", KEY_DURATION, FIELD(pool_settings, sample_us), "1s", 10 * US_PER_MS, US_PER_H, NULL},
    {"sample_idle", KEY_DURATION, FIELD(pool_settings, sample_idle_us), "30s", 10 * US_PER_MS, US_PER_DAY,
     NULL},
    {"stale", KEY_DURATION, FIELD(pool_settings, stale_us), "3s", 20 * US_PER_MS, US_PER_DAY, NULL},
    {"cool_down", KEY_DURATION, FIELD(pool_settings, cool_down_us), "10s", 0, US_PER_DAY, NULL},
    {"high_samples", KEY_COUNT, FIELD(pool_settings, high_samples), "2", 1, 1000, NULL},
    {"clear_samples", KEY_COUNT, FIELD(pool_settings, clear_samples), "5", 1, 1000, NULL},
    {"active_high", KEY_COUNT, FIELD(pool_settings, active_high), "4", 0, 10000, NULL},
    {"lock_waiters_high", KEY_COUNT, FIELD(pool_settings, lock_waiters_high), "5", 0, 100000, NULL},
    {"round_trip_high", KEY_COUNT, FIELD(pool_settings, round_trip_high), "20", 0, 100000, NULL},
    {"replica_lag_high", KEY_DURATION, FIELD(pool_settings, replica_lag_high_us), "10s", 0, US_PER_DAY, NULL},
    {"pooler_waiting_high", KEY_COUNT, FIELD(pool_settings, pooler_waiting_high), "1", 0, 100000, NULL},
    {"low_watermark", KEY_COUNT, FIELD(pool_settings, low_watermark), "70", 1, 100, NULL},
    {"short", KEY_DURATION, FIELD(pool_settings, short_us), "20ms", 0, US_PER_S, NULL},
    {"max_wait", KEY_DURATION, FIELD(pool_settings, max_wait_us), "1min", US_PER_S, US_PER_DAY, NULL},
    {"history", KEY_SWITCH, FIELD(pool_settings, history), "off", 0, 0, NULL},
    {"history_keep", KEY_DURATION, FIELD(pool_settings, history_keep_us), "30d", US_PER_MIN, YEARS_10, NULL},
    {"history_rows", KEY_COUNT, FIELD(pool_settings, history_rows), "1000000", 0, 100000000, NULL},
    {0},
};

/* --- the file --- */

static const char name_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

static bool is_name(const struct reader *reader, const char *name, uint32_t line) {
    size_t length = strspn(name, name_bytes);
    if (length == 0 || name[length])
        fault_add(reader->faults, line, "the name '%s' may hold letters, digits, '_', '-' and '.' only",
                  name);
    else if (length > NAME_BYTES_MAX)
        fault_add(reader->faults, line, "the name '%s' is %zu bytes; the limit is %d", name, length,
                  NAME_BYTES_MAX);
    else
        return true;
    return false;
}

const char *config_section_name(const struct reader *reader, const struct inifile_section *section) {
    const char *name = section->name + strlen("task ");
    return is_name(reader, name, section->line) ? name : NULL;
}

static void read_daemon(struct reader *reader, const struct inifile_section *section) {
    struct daemon_settings *daemon = &reader->set->daemon;
    keys_read(daemon_keys, section, daemon, reader->faults);
    if (*daemon->name)
        is_name(reader, daemon->name, keys_line(section, "name"));
}

/* What two hosts with the same file have in common: /etc/headgate/app.ini is app. */
static const char *name_of_file(const char *path, struct arena *arena) {
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t length = strlen(base);
    if (length > 4 && strcmp(base + length - 4, ".ini") == 0)
        length -= 4;
    length = length > NAME_BYTES_MAX ? NAME_BYTES_MAX : length;
    char *name = arena_text(arena, base, length);
    for (char *at = name; *at; at++)
        if (!strchr(name_bytes, *at))
            *at = '_';
    return *name ? name : "headgate";
}

void config_name_service(struct taskset *set, const char *path) {
    if (!*set->daemon.name)
        set->daemon.name = name_of_file(path, &set->arena);
    for (uint32_t i = 0; i < set->task_count; i++)
        set->tasks[i].service = set->daemon.name;
}

static void read_pool(struct reader *reader, const struct inifile_section *section) {
    const char *name = config_section_name(reader, section);
    struct pool_settings *pool = &reader->set->pools[reader->set->pool_count];
    if (name && reader->set->pool_count == POOLS_MAX)
        fault_add(reader->faults, section->line, "this is pool %d; the limit is %d", POOLS_MAX + 1,
                  POOLS_MAX);
    else if (name)
        reader->set->pool_count++;
    *pool = (struct pool_settings){.name = name ? name : "", .line = section->line};
    keys_read(pool_keys, section, pool, reader->faults);
    pool->conninfo_line = keys_line(section, "conninfo");
    pool->pooler_conninfo_line = keys_line(section, "pooler_conninfo");
}

static bool is_kind(const struct inifile_section *section, const char *kind) {
    size_t length = strlen(kind);
    return strncmp(section->name, kind, length) == 0 && section->name[length] == ' ';
}

static void refuse_section(struct reader *reader, const struct inifile_section *section) {
    if (*section->name) /* a section without a name was refused where it was read */
        fault_add(reader->faults, section->line,
                  "[%s] is not a section of this file; there are [headgate], [pool NAME] and [task NAME]",
                  section->name);
}

static void read_sections(struct reader *reader, const struct inifile *file) {
    const struct inifile_section nothing = {.name = "headgate"};
    keys_read(daemon_keys, &nothing, &reader->set->daemon, reader->faults);
    for (uint32_t i = 0; i < file->section_count; i++) {
        const struct inifile_section *section = &file->sections[i];
        if (is_kind(section, "pool"))
            read_pool(reader, section);
        else if (strcmp(section->name, "headgate") == 0)
            read_daemon(reader, section);
        else if (!is_kind(section, "task"))
            refuse_section(reader, section);
    }
    for (uint32_t i = 0; i < file->section_count; i++) /* after the pools, which may stand anywhere */
        if (is_kind(&file->sections[i], "task"))
            config_read_task(reader, &file->sections[i]);
}

struct taskset *config_read(const char *text, size_t text_bytes, config_file_reader *read_file, void *context,
                            struct faults *faults) {
    struct taskset *set = taskset_create();
    struct inifile file;
    inifile_read(text, text_bytes, &set->arena, faults, &file);
    set->pools = arena_alloc(&set->arena, (POOLS_MAX + 1) * sizeof *set->pools);
    set->tasks = arena_alloc(&set->arena, ((size_t)file.section_count + 1) * sizeof *set->tasks);
    struct reader reader = {set, faults, read_file, context};
    read_sections(&reader, &file);
    taskset_seal(set);
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
                                                 : config_task_keys;
}

const char *config_key_name(const char *section_kind, size_t index) {
    return keys_of(section_kind)[index].name;
}

const char *config_key_default(const char *section_kind, size_t index) {
    const char *initial = keys_of(section_kind)[index].initial;
    return initial ? initial : "";
}
