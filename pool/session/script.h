/*
 * What a session sends and takes in, as a ring of steps. On the extended protocol each run is sent at once,
 * in a pipeline: in segments of its own, so that it fails alone, its cleaning in the next; further runs queue
 * behind. A text of several statements needs the simple protocol, which takes one step at a time.
 */
#ifndef POOL_SESSION_SCRIPT_H
#define POOL_SESSION_SCRIPT_H

#include "pool/session/internal.h"

/* These queue. False: the connection is of no more use. */
bool script_add_run(struct session *session, const struct session_work *work);
bool script_add_check(struct session *session);
bool script_add_sample(struct session *session);
bool script_add_cleaning(struct session *session);
bool script_add_verification(struct session *session);
bool script_add_listening(struct session *session);
bool script_add_history(struct session *session, const struct history_question *question);

/* Takes in what the server sent. False: the connection is of no more use. */
bool script_read(struct session *session);

/* Whether libpq holds something complete that was not taken in. */
bool script_has_more(struct session *session);
void script_finish(struct script *script);

#endif
