/* The file in which records of runs wait for the database, as a crash or somebody's editor may have left it.
 */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <jansson.h>
#include <unistd.h>

#include "scheduler/history/backlog.h"

static void put(const char *path, const uint8_t *data, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    close(fd);
}

/* The first byte decides what becomes of the batches. */
static void work_off(struct backlog *backlog, uint8_t fate) {
    for (int turn = 0; turn < 64; turn++) {
        struct text batch = {0};
        uint32_t count = backlog_batch(backlog, &batch);
        if (count && (fate >> turn % 8 & 1)) {
            MUST(backlog_written(backlog) == count);
        } else if (count && turn % 3 == 0) {
            (void)backlog_give_up(backlog);
        } else if (count) {
            backlog_refused(backlog, turn % 5 == 0 ? (int)(fate % count) : -1);
        }
        text_finish(&batch);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    struct text error = {0};
    snprintf(path, sizeof path, "/dev/shm/headgate-fuzz-backlog-%d", (int)getpid());
    put(path, data, size);
    struct backlog *backlog = backlog_create(path, &error);
    backlog_add(backlog, "{\"added\":1}", &error);
    work_off(backlog, size ? data[0] : 0);
    MUST(backlog_destroy(backlog, &error));
    struct backlog *again = backlog_create(path, &error);
    work_off(again, 0xFF);
    MUST(backlog_count(again) == 0);
    MUST(backlog_destroy(again, &error));
    MUST(access(path, F_OK) != 0);
    text_finish(&error);
    return 0;
}
