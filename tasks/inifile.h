/*
 * The only room that knows inih. Turns a text into sections, keys and values, each with its line, and refuses
 * whatever inih r55 would cut, merge or drop without a word: long lines, long names, inline comments, empty
 * and duplicate sections, NUL, indented lines that continue nothing or would be cut as comments.
 */
#ifndef TASKS_INIFILE_H
#define TASKS_INIFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tasks/arena.h"
#include "tasks/fault.h"

struct inifile_entry {
    const char *key;
    const char *value; /* continuation lines joined by newlines, their indentation removed */
    uint32_t line;
};

struct inifile_section {
    const char *name;
    uint32_t line;
    struct inifile_entry *entries;
    uint32_t entry_count;
    bool incomplete; /* a line of it was refused: what seems missing may stand there */
};

struct inifile {
    struct inifile_section *sections;
    uint32_t section_count;
};

/* inih's buffers, as Debian builds it (INI_MAX_LINE 200, MAX_SECTION and MAX_NAME 50), less newline and NUL.
 */
#define INIFILE_LINE_BYTES_MAX 198
#define INIFILE_NAME_BYTES_MAX 49

/*
 * Always fills *ret with what could be read; what could not is in faults. Duplicate keys are a fault. The
 * names of sections and all values are owned by the arena, which may outlive the rest: the keys and the
 * tables of sections and entries, which `tables` owns. (Of 10 000 tasks these are 2 MiB.)
 */
void inifile_read(const char *text, size_t text_bytes, struct arena *arena, struct arena *tables,
                  struct faults *faults, struct inifile *ret);

#endif
