#include "scheduler/daemon/errand.h"

#include <stdlib.h>
#include <string.h>

#include "pool/children/outside.h"
#include "scheduler/daemon/work.h"

struct errand {
    struct cargo *cargo;
    struct outside *outside;   /* NULL: none is under way */
    struct session_pool *pool; /* of the work under way, whose children are told its conninfo */
    char *complaint, *output;  /* of work that failed in part, and whose output is written all the same */
};

static struct errand *errand_of(struct daemon *daemon, uint32_t index, const struct run *run) {
    struct errand *errand = daemon->errands[index];
    if (errand)
        return errand;
    errand = calloc(1, sizeof *errand);
    if (!errand)
        abort();
    errand->cargo = cargo_create(&daemon->spools, run->definition->stages->max_bytes);
    daemon->errands[index] = errand;
    return errand;
}

static void start_work(struct daemon *daemon, const struct action *action, const struct run *run,
                       struct errand *errand) {
    struct session_pool *pool = daemon->pools[run->pool];
    struct outside_work work = {
        .command = work_of_command(daemon, action->run, run),
        .cargo = errand->cargo,
        .has_rows = run->definition->stages->read != NULL,
        .parallel = run->definition->stages->parallel,
    };
    session_pool_keep(pool);
    errand->pool = pool;
    errand->outside = outside_start(&daemon->loop, &work, inbox_report, &daemon->inbox);
}

static void start_on_session(struct daemon *daemon, const struct action *action, const struct run *run,
                             struct errand *errand) {
    bool read = run->stage == STAGE_READ;
    struct session_work work = work_on_session(daemon, action->run, run);
    work.stage = read ? SESSION_READ : SESSION_WRITE;
    work.cargo = errand->cargo;
    work.sql = read ? run->definition->stages->read : run->definition->stages->write;
    work.transaction = true;
    session_run(work_session(daemon, action->session), &work);
}

void errand_start(struct daemon *daemon, const struct action *action, const struct run *run) {
    struct errand *errand = errand_of(daemon, action->run.index, run);
    if (run->stage == STAGE_WORK)
        start_work(daemon, action, run, errand);
    else
        start_on_session(daemon, action, run, errand);
}

void errand_signal(struct daemon *daemon, uint32_t index, int signal) {
    struct errand *errand = daemon->errands[index];
    if (errand && errand->outside)
        outside_signal(errand->outside, signal);
}

static char *copy(const char *text) {
    return text && *text ? text_copy(text) : NULL;
}

void errand_worked(struct daemon *daemon, uint32_t index, const struct failure *failure) {
    struct errand *errand = daemon->errands[index];
    if (!errand || !errand->outside)
        return;
    errand->outside = NULL; /* it frees itself */
    session_pool_release_kept(errand->pool);
    free(errand->complaint);
    free(errand->output);
    errand->complaint = failure ? copy(failure->message) : NULL;
    errand->output = failure ? copy(failure->output) : NULL;
}

bool errand_complaint(const struct daemon *daemon, uint32_t index, struct failure *ret) {
    const struct errand *errand = daemon->errands[index];
    if (!errand || !errand->complaint)
        return false;
    *ret = (struct failure){.message = errand->complaint,
                            .advice = "what the rest of its work found is written",
                            .output = errand->output};
    return true;
}

struct progress errand_progress(const struct daemon *daemon, uint32_t index) {
    const struct errand *errand = daemon->errands[index];
    if (!errand)
        return (struct progress){0};
    const struct cargo *cargo = errand->cargo;
    return (struct progress){
        .row_count = cargo->row_count,
        .line_count = cargo->line_count,
        .done_count = cargo->children_done,
        .failed_count = cargo->children_failed,
        .child_count = cargo->child_count,
    };
}

void errand_end(struct daemon *daemon, uint32_t index) {
    struct errand *errand = daemon->errands[index];
    if (!errand)
        return;
    cargo_destroy(errand->cargo);
    free(errand->complaint);
    free(errand->output);
    free(errand);
    daemon->errands[index] = NULL;
}
