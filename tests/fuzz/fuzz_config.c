/* An ini file, and all that is read out of its values: durations, sizes, words, schedules, SQL files. */
#include "tests/fuzz/fuzz.h"

#include "tasks/config.h"

static const char *read_file(void *context, const char *path, uint32_t line, struct arena *arena,
                             struct faults *faults) {
    (void)context;
    (void)line;
    (void)faults;
    return arena_text(arena, path, strlen(path));
}

static const struct config_files files = {read_file, NULL, NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_text(data, size);
    struct faults faults = {0};
    struct text told = {0};
    struct taskset *set = config_read(text, size, &files, &faults);
    MUST(set);
    for (uint32_t i = 0; i < set->task_count && faults.count == 0; i++) {
        MUST((set->tasks[i].schedule.every_us > 0) == (set->tasks[i].schedule.kind == SCHEDULE_EVERY));
        MUST((set->tasks[i].schedule.calendar != NULL) == (set->tasks[i].schedule.kind == SCHEDULE_CALENDAR));
        MUST(set->tasks[i].zone);
        MUST(set->tasks[i].pool < set->pool_count);
    }
    faults_print(&faults, "fuzz.ini", &told);
    text_finish(&told);
    taskset_unref(set);
    faults_finish(&faults);
    free(text);
    return 0;
}
