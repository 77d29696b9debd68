/* A request at the control socket, which its own user or root may make: a word that is none of them changes
 * nothing. */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <unistd.h>

#include "scheduler/daemon/operate.h"
#include "tasks/config.h"

static const char ini[] =
    "[pool p]\nsize = 2\n[task tick]\nevery = 2s\nsql = SELECT 1\n"
    "[task tock]\nevery = 1h\nsql = SELECT 1\n[task off]\nevery = 1h\nenabled = off\nsql = SELECT 1\n";

/* One that stops: it starts nothing, so that it needs neither loop nor sessions. */
static struct daemon *stopping_daemon(void) {
    static struct daemon daemon;
    struct faults faults = {0};
    daemon.path = "fuzz.ini";
    daemon.set = config_read(ini, sizeof ini - 1, NULL, &faults);
    MUST(faults.count == 0);
    daemon.core = core_create(daemon.set, 1, true, (struct mono){0}, (struct wall){US_PER_DAY});
    daemon.core->draining = true;
    daemon.errands = calloc(daemon.core->run_capacity + 1, sizeof *daemon.errands);
    MUST(daemon.errands);
    log_init(&daemon.log, LOG_ERROR, open("/dev/null", O_WRONLY | O_CLOEXEC));
    text_add(&daemon.pauses_path, "/dev/shm/headgate-fuzz-control-%d", (int)getpid());
    return &daemon;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct daemon *daemon;
    if (!daemon)
        daemon = stopping_daemon();
    char *text = fuzz_text(data, size < CONTROL_REQUEST_BYTES ? size : CONTROL_REQUEST_BYTES - 1);
    struct text answer = {0};
    if (operate(daemon, text, 1000, &answer))
        MUST(strncmp(answer.bytes, "ok\n", 3) == 0 || strncmp(answer.bytes, "no\n", 3) == 0);
    else
        MUST(answer.bytes_count == 0);
    MUST(daemon->pauses.count <= daemon->set->task_count);
    unlink(daemon->pauses_path.bytes);
    text_finish(&answer);
    free(text);
    return 0;
}
