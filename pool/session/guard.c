#include "pool/session/guard.h"

#include <string.h>

#include "pool/guard_answer.h"
#include "pool/session/flight.h"

void guard_take_row(struct flight *flight, const PGresult *row) {
    struct text wrong = {0};
    if (flight->row_count == 1)
        flight->said_yes = guard_answer_fits(row, &wrong) && !PQgetisnull(row, 0, 0) &&
                           strcmp(PQgetvalue(row, 0, 0), "t") == 0;
    text_finish(&wrong);
}

void guard_take_end(struct flight *flight, const PGresult *result) {
    struct text wrong = {0};
    if (!guard_answer_fits(result, &wrong))
        flight_fail(flight, "", wrong.bytes, GUARD_CURE);
    else if (flight->row_count > 1)
        flight_fail(flight, "", "when returned more than one row, and one of them cannot decide", GUARD_CURE);
    text_finish(&wrong);
}

void guard_take_tag(struct flight *flight, const char *tag) {
    struct text wrong = {0};
    text_add(&wrong, "when must return boolean; it was %s, which returned no row", *tag ? tag : "empty");
    flight_fail(flight, "", wrong.bytes, GUARD_CURE);
    text_finish(&wrong);
}
