#include "pool/budget/sample.h"

#include <string.h>

uint32_t sample_sessions_of(const struct sample *sample, const char *task) {
    size_t length = strlen(task);
    uint32_t count = 0;
    for (const char *at = sample->command_tasks; *at; at += strcspn(at, ","), at += *at == ',')
        count += strncmp(at, task, length) == 0 && strchr(",", at[length]) != NULL;
    return count;
}

bool sample_list_is_cut(const struct sample *sample) {
    return strlen(sample->command_tasks) == sizeof sample->command_tasks - 1;
}
