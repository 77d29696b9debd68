/*
 * A [task NAME] section: its keys, what its work is, and that one does not contradict the other.
 */
#ifndef TASKS_CONFIG_TASK_H
#define TASKS_CONFIG_TASK_H

#include "tasks/fault.h"
#include "tasks/keys.h"
#include "tasks/taskset.h"

/*
 * Reads the file given by path for a key such as sql_file (relative to the ini file's directory). Returns the
 * text, owned by the arena, or NULL after adding a fault for the line. This is how the pure rooms stay pure.
 */
typedef const char *config_file_reader(void *context, const char *path, uint32_t line, struct arena *arena,
                                       struct faults *faults);

/* An ini file that is being read. */
struct config_reading {
    struct taskset *set;
    struct faults *faults;
    config_file_reader *read_file;
    void *context; /* of read_file */
};

/* The section becomes the set's next task, for which there is room. The pools were read before. */
void config_read_task(const struct config_reading *reading, const struct inifile_section *section);

extern const struct key config_task_keys[];

#endif
