/*
 * The stages of a task's run. Most tasks have one; a staged task reads on a session, works outside without
 * one, and writes on a session again.
 */
#ifndef TASKS_STAGE_H
#define TASKS_STAGE_H

#include "tasks/task.h"

/*
 * A task that is not staged has WHOLE alone. Two come before the first stage of its work: WHEN, where the
 * task has a guard, which is asked whether there is anything to do; and CLAIM, where a run begins without a
 * session (a command, outside work), so that its start is put on record by a transaction of its own.
 */
enum stage { STAGE_WHEN, STAGE_CLAIM, STAGE_WHOLE, STAGE_READ, STAGE_WORK, STAGE_WRITE, STAGE_END };

#define STAGES ((int)STAGE_END)

/* The first one of its work. */
enum stage stage_first(const struct task *task);

/* The next stage of its work; END after the last. */
enum stage stage_after(const struct task *task, enum stage stage);

/* Whether the stage is SQL: it runs on a session, and holds a token at least. */
bool stage_needs_session(const struct task *task, enum stage stage);

/* How many tokens a run holds meanwhile: as many as the task says, but none during outside work. */
uint32_t stage_tokens(const struct task *task, enum stage stage);

/* After how long the stage is stopped; 0: never. */
int64_t stage_timeout_us(const struct task *task, enum stage stage);

/* How long the stage takes by the file's word, which holds until that was learned; 0: the task does not have
 * the stage. */
int64_t stage_expect_us(const struct task *task, enum stage stage);

#endif
