/* Rows of the view headgate.history, as whoever may write its table could make them: cells with tabs between
 * them. */
#include "tests/fuzz/fuzz.h"

#include <libpq-fe.h>

#include "pool/ask/history.h"
#include "scheduler/commands/history.h"

#define COLUMNS 17

static PGresult *make_result(char *text) {
    static PGresAttDesc columns[COLUMNS];
    for (int i = 0; i < COLUMNS; i++)
        columns[i] = (PGresAttDesc){.name = (char *)"c", .typlen = -1};
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    MUST(result && PQsetResultAttrs(result, COLUMNS, columns));
    int row = 0;
    for (char *line; (line = strsep(&text, "\n")); row++)
        for (int column = 0; column < COLUMNS; column++) {
            char *cell = strsep(&line, "\t");
            MUST(PQsetvalue(result, row, column, cell, cell ? (int)strlen(cell) : -1));
        }
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_text(data, size);
    struct text told = {0};
    struct history history = {.result = make_result(text)};
    history.count = (uint32_t)PQntuples(history.result);
    for (uint32_t width = 0; width <= 80; width += 80)
        history_print_rows(&history, width, &told);
    history_print_json(&history, &told);
    for (size_t at = 0; at < told.bytes_count; at += told.bytes[at] == '\n' ? 1 : text_shown_length(told.bytes + at))
        MUST(told.bytes[at] == '\n' || text_shown_length(told.bytes + at)); /* it steers no terminal */
    MUST(told.bytes_count && told.bytes[told.bytes_count - 1] == '\n');
    history_finish(&history);
    text_finish(&told);
    free(text);
    return 0;
}
