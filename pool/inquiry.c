#include "pool/inquiry.h"

PGresult *inquiry(PGconn *conn, const char *sql, int count, const char *const *values) {
    if (PQtransactionStatus(conn) != PQTRANS_IDLE)
        PQclear(PQexec(conn, "ROLLBACK"));
    PGresult *begun = PQexec(conn, "BEGIN READ ONLY; SET LOCAL search_path = pg_catalog, pg_temp");
    if (PQresultStatus(begun) != PGRES_COMMAND_OK)
        return begun;
    PQclear(begun);
    return PQexecParams(conn, sql, count, NULL, values, NULL, NULL, 0);
}
