/*
 * The stages of a task's run. Most tasks have one; a staged task reads on a session, works outside without
 * one, and writes on a session again.
 */
#ifndef TASKS_STAGE_H
#define TASKS_STAGE_H

#include "tasks/task.h"

/* WHOLE, of a task that is not staged, is its only one. CLAIM is before all of them, and not the task's: it
 * puts a run that begins without a session on record. */
enum stage { STAGE_CLAIM, STAGE_WHOLE, STAGE_READ, STAGE_WORK, STAGE_WRITE, STAGE_END };

#define STAGES ((int)STAGE_END)

enum stage stage_first(const struct task *task);

/* Of the stages that the task has; END after the last. */
enum stage stage_after(const struct task *task, enum stage stage);

/* Of one token at least, with a session of its own: SQL. */
bool stage_needs_session(const struct task *task, enum stage stage);

/* Tokens held meanwhile: the task's, but for outside work, which holds none. */
uint32_t stage_tokens(const struct task *task, enum stage stage);

/* 0: none. */
int64_t stage_timeout_us(const struct task *task, enum stage stage);

/* How long it takes, until that was learned; 0: the task does not have it. */
int64_t stage_expect_us(const struct task *task, enum stage stage);

#endif
