#include "pool/guard_answer.h"

/* The server's catalog pg_type, whose numbers do not change. */
enum { TYPE_BOOL = 16 };

static const char *type_name(Oid type) {
    static const struct {
        Oid type;
        const char *name;
    } names[] = {{20, "bigint"},
                 {21, "smallint"},
                 {23, "integer"},
                 {25, "text"},
                 {114, "json"},
                 {700, "real"},
                 {701, "double precision"},
                 {1042, "character"},
                 {1043, "character varying"},
                 {1082, "date"},
                 {1114, "timestamp"},
                 {1184, "timestamptz"},
                 {1700, "numeric"},
                 {2278, "void"},
                 {2950, "uuid"},
                 {3802, "jsonb"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].type == type)
            return names[i].name;
    return NULL;
}

bool guard_answer_fits(const PGresult *result, struct text *wrong) {
    Oid type = PQnfields(result) ? PQftype(result, 0) : 0;
    const char *name = type_name(type);
    if (type == TYPE_BOOL)
        return true;
    text_add(wrong, "when must return boolean; it returned ");
    if (PQnfields(result) == 0)
        text_add(wrong, "no column");
    else if (name)
        text_add(wrong, "%s", name);
    else
        text_add(wrong, "a type of oid %u", type);
    return false;
}
