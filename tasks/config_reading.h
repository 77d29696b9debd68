/*
 * An ini file on its way to a taskset, and how the files that it names are read: by callbacks of the
 * caller's. This is how the pure rooms stay pure.
 */
#ifndef TASKS_CONFIG_READING_H
#define TASKS_CONFIG_READING_H

#include "tasks/fault.h"
#include "tasks/taskset.h"

/*
 * Reads the file given by path for a key such as sql_file (relative to the ini file's directory). Returns the
 * text, owned by the arena, or NULL after adding a fault for the line.
 */
typedef const char *config_file_reader(void *context, const char *path, uint32_t line, struct arena *arena,
                                       struct faults *faults);

/* The same for the time zone of that name, which is one of zone_is_name(). Owned by the arena. */
typedef const struct zone *config_zone_reader(void *context, const char *name, uint32_t line,
                                              struct arena *arena, struct faults *faults);

/* How the files that an ini file names are read. */
struct config_files {
    config_file_reader *read_file;
    config_zone_reader *read_zone; /* NULL: there are no zones but UTC */
    void *context;
};

struct config_zones;

/* An ini file that is being read. */
struct config_reading {
    struct taskset *set;
    struct faults *faults;
    const struct config_files *files;
    struct config_zones *zones; /* that were read: config_zone.h */
};

#endif
