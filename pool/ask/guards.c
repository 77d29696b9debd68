#include "pool/ask/guards.h"

#include <inttypes.h>

#include "pool/answer.h"
#include "pool/ask/inquiry.h"
#include "pool/guard_answer.h"

/* What is told of; what is beyond is counted. */
#define TOLD_MOST 8

static bool check_one(PGconn *conn, const struct task *task, struct text *wrong) {
    PGresult *result = inquiry_describe(conn, task->when);
    bool described = PQresultStatus(result) == PGRES_COMMAND_OK;
    bool fits = described && guard_answer_fits(result, wrong);
    if (described && !fits)
        text_add(wrong, "; " GUARD_CURE);
    else if (!described)
        text_add(wrong, "%s", PQerrorMessage(conn));
    PQclear(result);
    return fits;
}

static void tell(const struct task *task, const char *wrong, struct text *text) {
    struct text before = {0};
    text_add(&before, "  GUARD        [task %s]: ", task->name);
    answer_say_error(text, before.bytes, wrong);
    text_finish(&before);
}

bool guards_check(PGconn *conn, const struct taskset *set, uint32_t pool, struct text *text) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < set->task_count && PQstatus(conn) == CONNECTION_OK; i++) {
        const struct task *task = &set->tasks[i];
        struct text wrong = {0};
        if (task->pool == pool && task->when && task->enabled && !check_one(conn, task, &wrong) &&
            count++ < TOLD_MOST)
            tell(task, wrong.bytes ? wrong.bytes : "", text);
        text_finish(&wrong);
    }
    if (count > TOLD_MOST)
        text_add(text, "  GUARD        and of %" PRIu32 " more tasks\n", count - TOLD_MOST);
    return count == 0;
}
