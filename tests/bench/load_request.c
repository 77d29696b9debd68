/* What happened, what is new, and a message to a colleague: three small statements. */
#include "load_request.h"

#include <stdio.h>

#define EMPLOYEES "200"

static const char *const statements[] = {
    "SELECT id, at, kind, detail FROM office.activity WHERE employee_id = $1::int ORDER BY at DESC LIMIT 20",
    "SELECT id, body FROM office.notifications WHERE employee_id = $1::int ORDER BY created_at DESC LIMIT 10",
    "INSERT INTO office.messages (channel, sender_id, recipient_id, body)"
    " VALUES ('chat', $1::int, $1::int % " EMPLOYEES " + 1, 'Can you have a look?')"};

enum load_step load_request_step(PGconn *conn, uint32_t who, int step) {
    if (step == (int)(sizeof statements / sizeof *statements))
        return LOAD_OVER;
    char text[16];
    snprintf(text, sizeof text, "%u", who);
    int sent = PQsendQueryParams(conn, statements[step], 1, NULL, (const char *[]){text}, NULL, NULL, 0);
    return sent == 1 ? LOAD_SENT : LOAD_NOT_SENT;
}
