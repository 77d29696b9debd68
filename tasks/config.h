/*
 * From sections, keys and values to a validated taskset. One table per section says of each key its name,
 * what it takes, its default and its bounds; etc/full.ini shows the same to people, and a test holds them
 * together.
 */
#ifndef TASKS_CONFIG_H
#define TASKS_CONFIG_H

#include "tasks/config_task.h"

/*
 * Adds to faults all that is wrong. Returns a taskset with one reference in any case; it may be used only
 * if there is no fault. files: NULL where the text names none.
 */
struct taskset *config_read(const char *text, size_t text_bytes, const struct config_files *files,
                            struct faults *faults);

/* The keys of a kind of section ("headgate", "pool", "task") by number, which etc/full.ini is held against.
 * NULL behind the last. */
const char *config_key_name(const char *section_kind, size_t index);

/* The default as it would be written in a file; "" where there is none. */
const char *config_key_default(const char *section_kind, size_t index);

/* Gives the set's tasks the service that their occurrences belong to: the name that the file gives itself, or
 * the one that its path says. */
void config_name_service(struct taskset *set, const char *path);

#endif
