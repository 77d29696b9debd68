#include "pool/session/tell.h"

#include <stdio.h>
#include <string.h>

#include "pool/session/session_pool.h"

void tell_report(struct session *session, struct report report, const struct failure *failure) {
    report.session = session->handle;
    session->pool->report(session->pool->context, &report, failure);
}

void tell_kind(struct session *session, enum report_kind kind, const struct failure *failure) {
    tell_report(session, (struct report){.kind = kind}, failure);
}

void tell_first_line(const char *message, char *line, size_t bytes) {
    snprintf(line, bytes, "%s", message);
    line[strcspn(line, "\n")] = '\0';
}
