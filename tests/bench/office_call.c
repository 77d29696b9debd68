/* Reads just the numbers it needs, as headgate and row_to_json write them: no nested member bears their
 * names. */
#include "office_call.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A large number may stand in quotes. */
static bool member(const char *line, const char *name, int64_t *ret_value) {
    const char *at = strstr(line, name);
    if (!at)
        return false;
    at += strlen(name);
    at += strspn(at, " \"");
    char *end;
    int64_t value = strtoll(at, &end, 10);
    if (end == at)
        return false;
    *ret_value = value;
    return true;
}

bool office_call_read(struct office_call *call, const char *line) {
    int64_t call_ms;
    if (!member(line, "\"unit\":", &call->unit) || !member(line, "\"read_us\":", &call->read_us) ||
        !member(line, "\"call_ms\":", &call_ms) || call_ms < 0)
        return false;
    call->lasts_us = call_ms * 1000;
    return true;
}

void office_call_answer(const struct office_call *call, int64_t outside_us, char *text, size_t room_bytes) {
    snprintf(text, room_bytes,
             "{\"unit\":%" PRId64 ",\"read_us\":%" PRId64 ",\"outside_us\":%" PRId64 ",\"reply\":\"Yes.\"}",
             call->unit, call->read_us, outside_us);
}
