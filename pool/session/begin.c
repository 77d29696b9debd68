#include "pool/session/begin.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "pool/session/ring.h"
#include "pool/session/session_pool.h"

bool begin_sets_timeout(const struct session *session) {
    return sample_lacks_timeout(&session->pool->facts, session->pool->statement_timeout_us);
}

const char *begin_text(const struct session *session, char text[static BEGIN_TEXT_BYTES]) {
    int length = snprintf(text, BEGIN_TEXT_BYTES, "BEGIN");
    if (begin_sets_timeout(session))
        snprintf(text + length, BEGIN_TEXT_BYTES - (size_t)length, "; SET LOCAL statement_timeout = %" PRId64,
                 (session->pool->statement_timeout_us + 999) / 1000);
    return text;
}

bool begin_send(struct session *session, bool reads_only) {
    char text[BEGIN_TEXT_BYTES];
    const char *set = strchr(begin_text(session, text), ';');
    return ring_send_query(session, STEP_BEGIN, reads_only ? "BEGIN READ ONLY" : "BEGIN") &&
           (!set || ring_send_query(session, STEP_BEGIN, set + 2));
}

/* What a segment of the pipeline has without BEGIN is one transaction, too, and this holds for no longer, as
 * the server gives each the default. SET LOCAL and SET TRANSACTION do the same and write a warning into the
 * server's log; set_config(), and BEGIN with its COMMIT, cost a third of the rate. */
bool begin_send_reads_only(struct session *session) {
    return ring_send_query(session, STEP_BEGIN, "SET transaction_read_only = on");
}
