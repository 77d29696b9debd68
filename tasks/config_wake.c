#include "tasks/config_wake.h"

#include "tasks/keys.h"
#include "tasks/wake.h"

void config_wake(const struct config_reading *reading, const struct inifile_section *section,
                 const char *channels, int64_t most_every_us, struct task *task) {
    struct text wrong = {0};
    struct wake *wake = channels ? wake_read(channels, &reading->set->arena, &wrong) : NULL;
    if (wake)
        wake->most_every_us = most_every_us;
    if (wrong.bytes_count)
        fault_add(reading->faults, keys_line(section, "wake"), "wake %s", wrong.bytes);
    if (!channels && keys_find(section, "wake_most_every"))
        fault_add(reading->faults, keys_line(section, "wake_most_every"),
                  "'wake_most_every' says nothing here: it bounds wake, and [%s] has no wake = CHANNEL",
                  section->name);
    task->wake = wake;
    text_finish(&wrong);
}

void config_wake_check(const struct taskset *set, struct faults *faults) {
    for (uint32_t i = 0; i < set->pool_count; i++) {
        uint32_t count = wakes_channel_count(wakes_of_pool(set->wakes, i));
        if (count > CHANNELS_MAX)
            fault_add(faults, set->pools[i].line,
                      "tasks of [pool %s] wake by %u channels; the limit is %d: let several wake by one",
                      set->pools[i].name, count, CHANNELS_MAX);
    }
}
