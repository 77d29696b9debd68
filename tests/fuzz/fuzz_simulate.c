/* What people write for `headgate simulate`, and the forecast of it: a line of --foreground, a line of --took
 * for each task. */
#include "tests/fuzz/fuzz.h"

#include "scheduler/simulate/simulate.h"
#include "scheduler/simulate/report.h"
#include "scheduler/simulate/spec.h"
#include "tasks/config.h"

#define FOR_US (10 * US_PER_MIN)

static const char ini[] = "[pool p]\nsize = 3\nreserve = 2\n"
                          "[task tick]\nevery = 2s..5s\ntimeout = 10s\nsql = SELECT 1\n"
                          "[task heavy]\nevery = 30s\ntokens = 2\noverlap = allow\ncommand = x\n"
                          "[task staged]\nevery = 20s\nread = SELECT 1\nwork = x\nwrite = SELECT $1\n";

static void forecast(struct taskset *set, const int64_t *took_us,
                     const struct simulate_foreground *foreground) {
    struct simulate_facts facts;
    struct text text = {0};
    struct simulate_options options = {.start = {0},
                                       .for_us = FOR_US,
                                       .seed = 1,
                                       .took_us = took_us,
                                       .work_us = took_us,
                                       .slot_count = 20,
                                       .reserved_count = 3,
                                       .foregrounds = foreground,
                                       .foreground_count = 1,
                                       .part_count = 60};
    simulate(set, &options, &facts);
    MUST(!facts.stuck);
    struct simulate_report report = {set, &options, &facts, "0", "fuzz.ini", "fuzz"};
    simulate_report(&report, &text);
    simulate_finish(&facts);
    text_finish(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_text(data, size), *rest = text;
    struct faults faults = {0};
    struct text error = {0};
    struct taskset *set = config_read(ini, sizeof ini - 1, NULL, &faults);
    MUST(faults.count == 0);
    int64_t took_us[8] = {US_PER_MS, US_PER_MS, US_PER_MS};
    struct simulate_foreground foreground = {0};
    const char *line = strsep(&rest, "\n");
    bool fine = simulate_spec_foreground(line, &foreground, &error);
    if (fine && foreground.burst_count)
        fine = foreground.burst_every_us >= US_PER_S; /* else there are too many of them to wait for */
    for (uint32_t task; (line = strsep(&rest, "\n"));) {
        int64_t us;
        text_clear(&error);
        if (!simulate_spec_took(line, set, &task, &us, &error))
            continue;
        MUST(us > 0 && (task < set->task_count || task == TASKSET_NONE));
        for (uint32_t i = 0; i < set->task_count; i++)
            if (task == TASKSET_NONE || i == task)
                took_us[i] = us;
    }
    if (fine)
        forecast(set, took_us, &foreground);
    taskset_unref(set);
    text_finish(&error);
    free(text);
    return 0;
}
