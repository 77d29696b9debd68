/* One call of the outside in tests/bench/office: a unit's row of JSON in, its answer out. */
#ifndef BENCH_OFFICE_CALL_H
#define BENCH_OFFICE_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct office_call {
    int64_t unit, read_us; /* given back in the answer */
    int64_t lasts_us;
    int64_t begun_us; /* the caller's */
};

/* False: the line has no "unit", "read_us" or "call_ms". */
bool office_call_read(struct office_call *call, const char *line);

/* {"unit":17,...,"reply":"..."} without a newline; outside_us: how long the call took as it was seen. */
void office_call_answer(const struct office_call *call, int64_t outside_us, char *text, size_t room_bytes);

#endif
