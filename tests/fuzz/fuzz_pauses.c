/* The list of paused tasks, which anybody may have edited. What is read of it is written and read the same.
 */
#include "tests/fuzz/fuzz.h"

#include <unistd.h>

#include "scheduler/daemon/pauses.h"

#define HEAD "# headgate: paused tasks, since when (UTC), by whom; written by the daemon\n"

static void put(const char *path, const uint8_t *data, size_t size) {
    FILE *file = fopen(path, "w");
    MUST(file);
    fputs(HEAD, file);
    if (size)
        fwrite(data, 1, size, file);
    fclose(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    struct text error = {0};
    snprintf(path, sizeof path, "/dev/shm/headgate-fuzz-pauses-%d", (int)getpid());
    put(path, data, size);
    struct pauses pauses = pauses_load(path, &error);
    text_clear(&error);
    MUST(pauses_save(&pauses, path, &error));
    struct pauses again = pauses_load(path, &error);
    MUST(error.bytes_count == 0 && again.count == pauses.count);
    for (uint32_t i = 0; i < pauses.count; i++)
        MUST(again.items[i].since.us == pauses.items[i].since.us &&
             strcmp(again.items[i].by, pauses.items[i].by) == 0);
    unlink(path);
    pauses_finish(&pauses);
    pauses_finish(&again);
    text_finish(&error);
    return 0;
}
