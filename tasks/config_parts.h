/*
 * What config.c (the file, pools) and config_task.c (tasks) lend each other. Not for anybody else.
 */
#ifndef TASKS_CONFIG_PARTS_H
#define TASKS_CONFIG_PARTS_H

#include "tasks/config.h"
#include "tasks/keys.h"

struct reader {
    struct taskset *set;
    struct faults *faults;
    config_file_reader *read_file;
    void *context;
};

#define FIELD(type, field) offsetof(struct type, field)
#define YEARS_10           SCHEDULE_EVERY_MAX_US

/* The name after "pool " or "task "; NULL after a fault. Names go into file names, SQL comments and logs. */
const char *config_section_name(const struct reader *reader, const struct inifile_section *section);

/* A task's section becomes the set's next task. The pools were read before. */
void config_read_task(struct reader *reader, const struct inifile_section *section);

extern const struct key config_task_keys[];

#endif
