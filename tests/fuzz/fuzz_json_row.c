/* A row of a task's read: a column for each line of the input, "OID name value". One line of JSON comes of
 * it, always. */
#include "tests/fuzz/fuzz.h"

#include <jansson.h>

#include "pool/children/json_row.h"

#define COLUMNS_MOST 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_text(data, size), *rest = text;
    struct json_column columns[COLUMNS_MOST];
    struct text row = {0};
    size_t count = 0;
    bool has_json = false;
    for (char *line; count < COLUMNS_MOST && (line = strsep(&rest, "\n")); count++) {
        const char *oid = strsep(&line, " "), *name = strsep(&line, " ");
        columns[count] = (struct json_column){
            .type = (uint32_t)strtoul(oid, NULL, 10),
            .name = name ? name : "",
            .value = line,
            .value_bytes = line ? strlen(line) : 0,
        };
        uint32_t type = columns[count].type;
        has_json |= type == 114 || type == 3802 || type == 199 || type == 3807;
    }
    json_row_add(&row, columns, count);
    MUST(row.bytes[row.bytes_count - 1] == '\n' && strlen(row.bytes) == row.bytes_count);
    MUST(memchr(row.bytes, '\n', row.bytes_count) == row.bytes + row.bytes_count - 1);
    json_t *parsed = json_loadb(row.bytes, row.bytes_count, 0, NULL);
    MUST(parsed || has_json); /* of json the server has seen to it */
    json_decref(parsed);
    (void)json_row_twice(columns, count);
    text_finish(&row);
    free(text);
    return 0;
}
