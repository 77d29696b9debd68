#include "tests/unit/helper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *helper_read_file(void *context, const char *path, uint32_t line, struct arena *arena,
                             struct faults *faults) {
    (void)context;
    if (strcmp(path, "missing.sql") != 0)
        return arena_text(arena, "SELECT 'from a file'", strlen("SELECT 'from a file'"));
    fault_add(faults, line, "%s cannot be read: No such file or directory", path);
    return NULL;
}

/* A zone of each name but "No/Zone": an hour east of UTC. */
static const struct zone *read_zone(void *context, const char *name, uint32_t line, struct arena *arena,
                                    struct faults *faults) {
    static const char header[44] = "TZif", counts[] = {0, 0, 0, 1, 0, 0, 0, 4},
                      type[] = {0, 0, 14, 16, 0, 0, 'A', 'B', 'C', 0};
    struct text bytes = {0}, wrong = {0};
    (void)context;
    text_add_bytes(&bytes, header, 36);
    text_add_bytes(&bytes, counts, sizeof counts);
    text_add_bytes(&bytes, type, sizeof type);
    const struct zone *zone =
        strcmp(name, "No/Zone") == 0 ? NULL : zone_parse(name, bytes.bytes, bytes.bytes_count, arena, &wrong);
    if (!zone)
        fault_add(faults, line, "zone = '%s' cannot be read", name);
    text_finish(&bytes);
    text_finish(&wrong);
    return zone;
}

const struct config_files helper_files = {helper_read_file, read_zone, NULL};

static void show(const char *name, const struct faults *faults) {
    struct text text = {0};
    faults_print(faults, "ini", &text);
    print_error("%s:\n%s", name, text.bytes ? text.bytes : "no fault\n");
    text_finish(&text);
}

struct taskset *helper_taskset(const char *ini) {
    struct faults faults = {0};
    struct taskset *set = config_read(ini, strlen(ini), &helper_files, &faults);
    helper_expect_no_fault("taskset", &faults);
    faults_finish(&faults);
    return set;
}

void helper_expect_fault(const char *name, const struct faults *faults, uint32_t line, const char *piece) {
    if (faults->count == 1 && faults->items[0].line == line && strstr(faults->items[0].message, piece))
        return;
    show(name, faults);
    fail_msg("%s: expected one fault on line %u with '%s'", name, line, piece);
}

void helper_expect_no_fault(const char *name, const struct faults *faults) {
    if (faults->count == 0)
        return;
    show(name, faults);
    fail_msg("%s: expected no fault", name);
}

char *helper_source_file(const char *path, size_t *ret_bytes) {
    const char *root = getenv("HEADGATE_SOURCE_ROOT");
    struct text full = {0}, content = {0};
    char chunk[4096];
    size_t got;
    text_add(&full, "%s/%s", root ? root : ".", path);
    FILE *file = fopen(full.bytes, "r");
    text_finish(&full);
    if (!file)
        return NULL;
    while ((got = fread(chunk, 1, sizeof chunk, file)) > 0)
        text_add_bytes(&content, chunk, got);
    text_add_bytes(&content, "", 0);
    fclose(file);
    *ret_bytes = content.bytes_count;
    return content.bytes;
}

void helper_expect_text(const char *name, const char *actual, const char *expected) {
    if (strcmp(actual, expected) == 0)
        return;
    print_error("%s: expected\n%s%s: but was\n%s", name, expected, name, actual);
    fail_msg("%s: texts differ", name);
}

void helper_limit_files(rlim_t bytes) {
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}
