/*
 * A time zone: which offset from UTC its clocks have at an instant. It is made of the bytes of a TZif file
 * (RFC 9636), which the system's tzdata consists of, and never changes: a new tzdata is a new value. Whoever
 * calls reads the file; the bytes may be anybody's. Instants are seconds of unix time, within
 * ZONE_INSTANT_MOST_S of 1970.
 */
#ifndef TASKS_ZONE_H
#define TASKS_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tasks/arena.h"
#include "tasks/civil.h"
#include "tasks/text.h"

struct zone;

#define ZONE_INSTANT_MOST_S (INT64_C(1) << 60) /* a struct wall ends long before */
#define ZONE_OFFSET_MOST_S  (26 * S_PER_H)     /* RFC 9636 */
#define ZONE_FILE_BYTES_MAX (256 * 1024)       /* of a file; the system's largest have 4 KiB */
#define ZONE_NAME_BYTES_MAX 60                 /* of a name; the longest that there is has 32 */

/* What needs no file. */
const struct zone *zone_utc(void);

/*
 * The zone of a file's bytes, owned by the arena, which has a copy of the name. NULL after adding to `wrong`
 * a clause to follow the file's name, such as "is no time zone".
 */
const struct zone *zone_parse(const char *name, const void *bytes, size_t size, struct arena *arena,
                              struct text *wrong) __attribute__((warn_unused_result));

/* Whether a name may be one of a zone's file below the folder of zones: relative, and not out of it. */
bool zone_is_name(const char *name);

const char *zone_name(const struct zone *zone);

/* By its name and all its offsets. */
bool zone_is_same(const struct zone *a, const struct zone *b);

/* A while in which the offset is one and the same: from <= instant < until. INT64_MIN and INT64_MAX: without
 * end. */
struct zone_stretch {
    int64_t from_s, until_s;
    int32_t offset_s; /* east of UTC is above 0 */
    int32_t before_s; /* the offset before from_s; the same where there is none */
};

/* The longest such while around the instant, or one side of it where the offset is the same on both. */
struct zone_stretch zone_stretch(const struct zone *zone, int64_t unix_s);

int32_t zone_offset_s(const struct zone *zone, int64_t unix_s);

/* The first change of the offset after the instant. False: there is none any more. */
bool zone_next_change(const struct zone *zone, int64_t after_s, int64_t *ret_at_s);

/* What the clocks show. */
struct civil zone_civil(const struct zone *zone, int64_t unix_s);

#define ZONE_OFFSET_TEXT_BYTES 16

/* "+0100"; "+005328" where there are seconds. Writes into the caller's buffer and returns it. */
const char *zone_offset_text(int32_t offset_s, char buffer[static ZONE_OFFSET_TEXT_BYTES]);

#define ZONE_INSTANT_TEXT_BYTES 64

/* "Mon 2026-12-07 06:30 +0100"; with its seconds where there are any. */
const char *zone_instant_text(const struct zone *zone, int64_t unix_s,
                              char buffer[static ZONE_INSTANT_TEXT_BYTES]);

#endif
