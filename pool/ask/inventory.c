#include "pool/ask/inventory.h"

#include <stdlib.h>
#include <string.h>

#include "pool/ask/inquiry.h"
#include "tasks/taskset.h"

#define LOGIN_US (10 * US_PER_S) /* the default of connect_timeout */

static bool says_missing(const PGresult *result) {
    static const char *const states[] = {"42P01", "42703", "3F000"}; /* table, column, schema */
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    for (size_t i = 0; state && i < sizeof states / sizeof *states; i++)
        if (strcmp(state, states[i]) == 0)
            return true;
    return false;
}

static void say_why_not(PGconn *conn, const PGresult *result, const struct answer *answer,
                        const char *missing, struct text *error) {
    char *said = text_taken(PQerrorMessage(conn));
    if (says_missing(result))
        text_add(error, "%s (%.*s)", missing, (int)strcspn(said, "\n"), said);
    else
        text_add(error, "%.*s", (int)strcspn(*said ? said : answer->wrong, "\n"),
                 *said ? said : answer->wrong);
    free(said);
}

bool inventory_read(const char *conninfo, const char *sql, int columns, const char *missing,
                    struct inventory *ret, struct text *error) {
    const struct pool_settings pool = {.conninfo = conninfo, .connect_timeout_us = LOGIN_US};
    PGconn *conn = inquiry_log_in(&pool, "headgate import", false, error);
    if (!conn)
        return false;
    struct answer answer;
    PGresult *result = inquiry(conn, sql, 0, NULL);
    bool right = answer_open(&answer, result, columns, 0, TASKS_MAX);
    if (right) {
        *ret = (struct inventory){result, answer, (uint32_t)PQntuples(result)};
    } else {
        say_why_not(conn, result, &answer, missing, error);
        PQclear(result);
    }
    PQfinish(conn);
    return right;
}

const char *inventory_get(const struct inventory *inventory, uint32_t row, int column) {
    return answer_text(&inventory->answer, (int)row, column);
}

void inventory_finish(struct inventory *inventory) {
    PQclear(inventory->result);
    *inventory = (struct inventory){0};
}
