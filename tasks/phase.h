/*
 * The phases of a task's run. Most tasks have one; a phased task reads on a session, works outside without
 * one, and writes on a session again.
 */
#ifndef TASKS_PHASE_H
#define TASKS_PHASE_H

#include "tasks/task.h"

/* WHOLE, of a task that is not phased, is its only one. CLAIM is before all of them, and not the task's: it
 * puts a run that begins without a session on record. */
enum phase { PHASE_CLAIM, PHASE_WHOLE, PHASE_READ, PHASE_WORK, PHASE_WRITE, PHASE_END };

#define PHASES ((int)PHASE_END)

enum phase phase_first(const struct task *task);

/* Of the phases that the task has; END after the last. */
enum phase phase_after(const struct task *task, enum phase phase);

/* Of one token at least, with a session of its own: SQL. */
bool phase_needs_session(const struct task *task, enum phase phase);

/* Tokens held meanwhile: the task's, but for outside work, which holds none. */
uint32_t phase_tokens(const struct task *task, enum phase phase);

/* 0: none. */
int64_t phase_timeout_us(const struct task *task, enum phase phase);

/* How long it takes, until that was learned; 0: the task does not have it. */
int64_t phase_expect_us(const struct task *task, enum phase phase);

#endif
