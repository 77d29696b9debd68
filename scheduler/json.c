#include "scheduler/json.h"

#include <stdlib.h>

json_t *json_of(const char *text) {
    struct text string = {0};
    if (!text)
        return json_null();
    text_add_json(&string, text);
    json_t *json = json_loadb(string.bytes, string.bytes_count, JSON_DECODE_ANY, NULL);
    text_finish(&string);
    return json;
}

/* What jansson leaves as it is, beyond ASCII and U+007F, stands in strings only, where it can be escaped. */
static void add_shown(struct text *text, const char *dumped) {
    while (*dumped) {
        size_t length = text_utf8_length(dumped);
        if (*dumped == '\n' || text_shown_length(dumped))
            text_add_bytes(text, dumped, length);
        else
            text_add_escape(text, dumped);
        dumped += length;
    }
}

void json_print(json_t *json, size_t flags, struct text *text) {
    char *dumped = json_dumps(json, flags);
    if (dumped) {
        add_shown(text, dumped);
        text_add_bytes(text, "\n", 1);
    }
    free(dumped);
    json_decref(json);
}
