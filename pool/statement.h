/*
 * What can be said of a task's text without understanding SQL: its first word. A text that begins with
 * SELECT, INSERT and their like is, on the extended protocol, one statement that cannot end its own
 * transaction, so it needs no BEGIN and COMMIT around it to be all or nothing.
 */
#ifndef POOL_STATEMENT_H
#define POOL_STATEMENT_H

#include <stdbool.h>

bool statement_is_one_transaction(const char *sql);

/* Whether a text of one statement, outside a transaction of ours, may commit a part of its work and fail:
 * CALL and DO. Where it stands among several, the server lets it not. */
bool statement_may_commit(const char *sql);

/* Whether what was done up to this command tag stays done, whatever follows: COMMIT, PREPARE TRANSACTION ...
 */
bool statement_tag_commits(const char *tag);

/* Whether its number is of rows that were changed in a table: INSERT, UPDATE, DELETE, MERGE. COPY has one tag
 * for both ways. */
bool statement_tag_changes(const char *tag);

/* Whether a command tag, as the server sent it, begins or ends a transaction: BEGIN, COMMIT, ROLLBACK ... */
bool statement_tag_is_transaction(const char *tag);

#endif
