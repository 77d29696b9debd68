/*
 * What another scheduler keeps in a database, as rows of texts: for `headgate import`, so it logs in by
 * itself and blocks. What is asked and what the texts mean is not decided here.
 */
#ifndef POOL_ASK_INVENTORY_H
#define POOL_ASK_INVENTORY_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "pool/answer.h"
#include "tasks/text.h"

struct inventory {
    PGresult *result;
    struct answer answer;
    uint32_t count;
};

/*
 * Asks the SQL, which changes nothing and whose answer has so many columns. False after adding to `error`
 * what is wrong; missing: the sentence for where a table or a column is not there.
 */
bool inventory_read(const char *conninfo, const char *sql, int columns, const char *missing,
                    struct inventory *ret, struct text *error) __attribute__((warn_unused_result));

/* "" of NULL; borrowed until inventory_finish(). */
const char *inventory_get(const struct inventory *inventory, uint32_t row, int column);

/* Accepts what is zeroed. */
void inventory_finish(struct inventory *inventory);

#endif
