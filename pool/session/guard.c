#include "pool/session/guard.h"

#include <string.h>

#include "pool/session/flight.h"
#include "tasks/text.h"

/* The server's catalog pg_type, whose numbers do not change. */
enum { TYPE_BOOL = 16 };

#define CURE "write SELECT EXISTS (...), which is true or false"

static const char *type_name(Oid type) {
    static const struct {
        Oid type;
        const char *name;
    } names[] = {{20, "bigint"},    {21, "smallint"},    {23, "integer"},
                 {25, "text"},      {700, "real"},       {705, "unknown"},
                 {1042, "char"},    {1043, "varchar"},   {701, "double precision"},
                 {1082, "date"},    {1114, "timestamp"}, {1184, "timestamptz"},
                 {1700, "numeric"}, {2278, "void"},      {2950, "uuid"},
                 {3802, "jsonb"},   {114, "json"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].type == type)
            return names[i].name;
    return NULL;
}

static void refuse_type(struct flight *flight, Oid type) {
    struct text message = {0};
    const char *name = type_name(type);
    if (name)
        text_add(&message, "when must return boolean; it returned %s", name);
    else
        text_add(&message, "when must return boolean; it returned a type of oid %u", type);
    flight_fail(flight, "", message.bytes, CURE);
    text_finish(&message);
}

void guard_take_row(struct flight *flight, const PGresult *row) {
    if (flight->row_count == 1)
        flight->said_yes = PQnfields(row) > 0 && PQftype(row, 0) == TYPE_BOOL && !PQgetisnull(row, 0, 0) &&
                           strcmp(PQgetvalue(row, 0, 0), "t") == 0;
}

void guard_take_end(struct flight *flight, const PGresult *result) {
    if (PQnfields(result) == 0)
        flight_fail(flight, "", "when must return boolean; it returned no column", CURE);
    else if (PQftype(result, 0) != TYPE_BOOL)
        refuse_type(flight, PQftype(result, 0));
    else if (flight->row_count > 1)
        flight_fail(flight, "", "when returned more than one row, and one of them cannot decide", CURE);
}

void guard_take_tag(struct flight *flight, const char *tag) {
    struct text message = {0};
    text_add(&message, "when must return boolean; it was %s, which returned no row", *tag ? tag : "empty");
    flight_fail(flight, "", message.bytes, CURE);
    text_finish(&message);
}
