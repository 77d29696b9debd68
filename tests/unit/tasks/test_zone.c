#include "tests/unit/helper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tasks/zone.h"

#define FOLDER "/usr/share/zoneinfo/" /* etc/lib/install-packages sees to it */

/* Of all continents and kinds: halves and quarters of hours, summers below the standard, changes of half an
 * hour and of two hours, days that were left out, rules that ended. */
static const char *const names[] = {
    "Africa/Cairo",        "Africa/Casablanca",    "Africa/El_Aaiun",    "Africa/Monrovia",
    "America/Asuncion",    "America/Caracas",      "America/Havana",     "America/Los_Angeles",
    "America/New_York",    "America/Nuuk",         "America/Phoenix",    "America/Santiago",
    "America/Sao_Paulo",   "America/Scoresbysund", "America/St_Johns",   "Antarctica/Casey",
    "Antarctica/Troll",    "Asia/Beirut",          "Asia/Gaza",          "Asia/Jerusalem",
    "Asia/Kathmandu",      "Asia/Kolkata",         "Asia/Pyongyang",     "Asia/Tehran",
    "Asia/Tokyo",          "Atlantic/Azores",      "Australia/Adelaide", "Australia/Eucla",
    "Australia/Lord_Howe", "Australia/Sydney",     "Europe/Berlin",      "Europe/Chisinau",
    "Europe/Dublin",       "Europe/Istanbul",      "Europe/London",      "Europe/Moscow",
    "Pacific/Apia",        "Pacific/Auckland",     "Pacific/Chatham",    "Pacific/Easter",
    "Pacific/Fiji",        "Pacific/Kiritimati",   "Pacific/Kwajalein",  "Pacific/Marquesas",
    "Etc/GMT+12",
};

struct file {
    unsigned char bytes[8192];
    size_t size;
};

/* False where the system has no such file. */
static bool read_file(const char *path, struct file *file) {
    FILE *stream = fopen(path, "rb");
    if (!stream)
        return false;
    file->size = fread(file->bytes, 1, sizeof file->bytes, stream);
    fclose(stream);
    return true;
}

static const struct zone *parse(const char *name, const struct file *file, struct arena *arena,
                                struct text *wrong) {
    unsigned char *exact = malloc(file->size ? file->size : 1); /* so that a sanitizer sees its end */
    memcpy(exact, file->bytes, file->size);
    const struct zone *zone = zone_parse(name, exact, file->size, arena, wrong);
    free(exact);
    return zone;
}

static const struct zone *system_zone(const char *name, struct arena *arena) {
    char path[100];
    struct file file;
    struct text wrong = {0};
    snprintf(path, sizeof path, FOLDER "%s", name);
    if (!read_file(path, &file))
        skip();
    const struct zone *zone = parse(name, &file, arena, &wrong);
    if (!zone)
        fail_msg("%s %s", name, wrong.bytes);
    return zone;
}

/* The C library reads the same files; the clock of a process is its TZ. */
static void expect_as_the_library(const struct zone *zone, int64_t at_s) {
    time_t at = at_s;
    struct tm tm;
    assert_non_null(localtime_r(&at, &tm));
    struct civil civil = zone_civil(zone, at_s);
    if (zone_offset_s(zone, at_s) != tm.tm_gmtoff || civil.hour != tm.tm_hour || civil.day != tm.tm_mday)
        fail_msg("%s at %lld: %d, and not %ld", zone_name(zone), (long long)at_s, zone_offset_s(zone, at_s),
                 tm.tm_gmtoff);
}

static void zone_offset_is_the_librarys(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        struct arena arena = {0};
        const struct zone *zone = system_zone(names[i], &arena);
        setenv("TZ", names[i], 1);
        tzset();
        for (int64_t at_s = -INT64_C(2000000000); at_s < INT64_C(9000000000); at_s += 1234567)
            expect_as_the_library(zone, at_s);
        int64_t change_s = -INT64_C(2000000000);
        for (int n = 0; n < 600 && zone_next_change(zone, change_s, &change_s); n++)
            for (int d = -2; d <= 2; d++)
                expect_as_the_library(zone, change_s + d);
        expect_as_the_library(zone, INT64_C(32503680000)); /* the year 3000 */
        arena_finish(&arena);
    }
    unsetenv("TZ");
    tzset();
}

static void zone_stretches_follow_each_other(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        struct arena arena = {0};
        const struct zone *zone = system_zone(names[i], &arena);
        int64_t at_s = -ZONE_INSTANT_MOST_S;
        struct zone_stretch before = zone_stretch(zone, at_s);
        assert_true(before.from_s == INT64_MIN);
        for (int n = 0; n < 2000 && before.until_s < INT64_MAX; n++) {
            struct zone_stretch stretch = zone_stretch(zone, before.until_s);
            struct zone_stretch last = zone_stretch(zone, before.until_s - 1);
            assert_true(stretch.from_s == before.until_s && stretch.until_s > stretch.from_s);
            assert_true(last.until_s == before.until_s && last.offset_s == before.offset_s);
            assert_int_not_equal(stretch.offset_s, before.offset_s);
            before = stretch;
        }
        arena_finish(&arena);
    }
}

/* What the list ends with goes on, era after era. */
static void zone_of_a_far_year_is_as_an_era_before(void **state) {
    (void)state;
    static const char *const with_rules[] = {"Europe/Berlin", "Antarctica/Troll", "Australia/Lord_Howe"};
    for (size_t i = 0; i < COUNT(with_rules); i++) {
        struct arena arena = {0};
        const struct zone *zone = system_zone(with_rules[i], &arena);
        int64_t from_s = INT64_C(3000000000);
        for (int64_t at_s = from_s; at_s < from_s + CIVIL_ERA_S * 2; at_s += 12345678) {
            struct zone_stretch near = zone_stretch(zone, at_s),
                                far = zone_stretch(zone, at_s + CIVIL_ERA_S * 700);
            assert_int_equal(near.offset_s, far.offset_s);
            assert_true(near.from_s + CIVIL_ERA_S * 700 == far.from_s);
            assert_true(near.until_s + CIVIL_ERA_S * 700 == far.until_s);
        }
        assert_true(zone_stretch(zone, ZONE_INSTANT_MOST_S).until_s > ZONE_INSTANT_MOST_S);
        arena_finish(&arena);
    }
}

/* --- files that are made here --- */

static void put(struct file *file, int64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; i--)
        file->bytes[file->size++] = (unsigned char)((uint64_t)value >> (8 * i));
}

struct made {
    char version;
    int64_t leapcnt, timecnt, typecnt; /* as RFC 9636 calls them */
    int64_t times[4];
    unsigned char indexes[4];
    int64_t offsets[3];
    const char *footer; /* with its newlines; NULL: none */
};

static void put_block(struct file *file, const struct made *made, int time_bytes) {
    memcpy(file->bytes + file->size, "TZif", 4);
    file->size += 4;
    put(file, made->version, 1);
    memset(file->bytes + file->size, 0, 15);
    file->size += 15;
    for (int i = 0; i < 2; i++)
        put(file, 0, 4);
    put(file, made->leapcnt, 4);
    put(file, made->timecnt, 4);
    put(file, made->typecnt, 4);
    put(file, 4, 4);
    for (int i = 0; i < made->timecnt && i < 4; i++)
        put(file, made->times[i], time_bytes);
    for (int i = 0; i < made->timecnt && i < 4; i++)
        put(file, made->indexes[i], 1);
    for (int i = 0; i < made->typecnt && i < 3; i++) {
        put(file, made->offsets[i], 4);
        put(file, 0, 2);
    }
    put(file, 0x41424300, 4);
    for (int64_t i = 0; i < made->leapcnt * (time_bytes + 4); i++)
        put(file, 0, 1);
}

static struct file make(const struct made *made) {
    struct file file = {.size = 0};
    put_block(&file, made, 4);
    if (made->version)
        put_block(&file, made, 8);
    if (made->footer) {
        memcpy(file.bytes + file.size, made->footer, strlen(made->footer));
        file.size += strlen(made->footer);
    }
    return file;
}

static void zone_parse_of_the_first_version_has_its_changes(void **state) {
    (void)state;
    struct arena arena = {0};
    struct text wrong = {0};
    struct file file = make(&(struct made){0, 0, 2, 2, {-1000, 1000}, {1, 0}, {60, -3661}, NULL});
    const struct zone *zone = parse("x", &file, &arena, &wrong);
    assert_non_null(zone);
    assert_int_equal(zone_offset_s(zone, -1001), 60);
    assert_int_equal(zone_offset_s(zone, -1000), -3661);
    assert_int_equal(zone_offset_s(zone, 1000), 60);
    assert_true(zone_stretch(zone, 1000).until_s == INT64_MAX);
    arena_finish(&arena);
}

/* A change of name alone, and summer time without end, which two changes at one instant say each year. */
static void zone_changes_that_change_nothing_are_none(void **state) {
    (void)state;
    struct arena arena = {0};
    struct text wrong = {0};
    int64_t change_s;
    struct file file =
        make(&(struct made){'3', 0, 2, 2, {5000, 6000}, {1, 1}, {0, 3600}, "\nAAA0BBB,0/0,J365/25\n"});
    const struct zone *zone = parse("x", &file, &arena, &wrong);
    assert_non_null(zone);
    assert_true(zone_next_change(zone, 0, &change_s));
    assert_int_equal(change_s, 5000);
    assert_false(zone_next_change(zone, 5000, &change_s));
    assert_int_equal(zone_offset_s(zone, CIVIL_ERA_S * 3), 3600);
    arena_finish(&arena);
}

static void zone_parse_refuses_what_is_none(void **state) {
    (void)state;
    static const struct {
        struct made made;
        const char *wrong;
    } rows[] = {
        {{'2', 1, 0, 1, {0}, {0}, {0}, "\n\n"},
         "counts leap seconds, which unix time does not; write the zone's name "
         "without right/"},
        {{'2', 0, 0, 0, {0}, {0}, {0}, "\n\n"}, "is no time zone that anybody has"},
        {{'2', 0, 2, 1, {5, 5}, {0, 0}, {0}, "\n\n"}, "has changes that are in no order"},
        {{'2', 0, 2, 1, {5, 4}, {0, 0}, {0}, "\n\n"}, "has changes that are in no order"},
        {{'2', 0, 1, 1, {INT64_MAX}, {0}, {0}, "\n\n"}, "has changes that are in no order"},
        {{'2', 0, 1, 1, {5}, {1}, {0}, "\n\n"}, "names an offset that it does not have"},
        {{'2', 0, 0, 1, {0}, {0}, {100000}, "\n\n"}, "has an offset of more than a day"},
        {{'2', 0, 1, 2, {5}, {1}, {0, -100000}, "\n\n"}, "has an offset of more than a day"},
        {{'2', 0, 0, 1, {0}, {0}, {0}, NULL}, "is cut off: there is no rule at its end"},
        {{'2', 0, 0, 1, {0}, {0}, {0}, "\nUTC0"}, "is cut off: there is no rule at its end"},
        {{'2', 0, 0, 1, {0}, {0}, {0}, "\n" X100 X50 "\n"}, "is cut off: there is no rule at its end"},
        {{'2', 0, 0, 1, {0}, {0}, {0}, "\nUTC\n"}, "has a rule at its end that cannot be read"},
        {{'2', 0, 2000000, 1, {0}, {0}, {0}, "\n\n"}, "is no time zone (TZif)"},
        {{'2', 0, 200000, 1, {0}, {0}, {0}, "\n\n"}, "is cut off"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena = {0};
        struct text wrong = {0};
        struct file file = make(&rows[i].made);
        assert_null(parse("x", &file, &arena, &wrong));
        helper_expect_text("made", wrong.bytes, rows[i].wrong);
        text_finish(&wrong);
        arena_finish(&arena);
    }
}

/* Each beginning of a file, and each of its bytes turned: it is refused, or it is a zone that answers. */
static void zone_parse_of_a_damaged_file_stays_within_it(void **state) {
    (void)state;
    struct file whole =
        make(&(struct made){'2', 0, 3, 3, {-9, 0, 9}, {1, 2, 0}, {1, 2, 3}, "\nAAA0BBB,M3.5.0,M10.5.0\n"});
    for (size_t i = 0; i < whole.size * 9; i++) {
        struct arena arena = {0};
        struct text wrong = {0};
        struct file file = whole;
        if (i < whole.size)
            file.size = i;
        else
            file.bytes[i / 8 - whole.size / 8] ^= (unsigned char)(1 << i % 8);
        const struct zone *zone = parse("x", &file, &arena, &wrong);
        assert_true(zone ? wrong.bytes_count == 0 : wrong.bytes_count > 0);
        assert_true(i >= whole.size || !zone);
        for (int64_t at_s = -50000000000; zone && at_s < 50000000000; at_s += 1500000000) {
            struct zone_stretch stretch = zone_stretch(zone, at_s);
            assert_true(stretch.from_s <= at_s && at_s < stretch.until_s);
        }
        text_finish(&wrong);
        arena_finish(&arena);
    }
}

static void zone_is_same_by_name_and_offsets(void **state) {
    (void)state;
    struct arena arena = {0};
    struct text wrong = {0};
    struct made made = {'2', 0, 2, 2, {5, 6}, {1, 0}, {0, 60}, "\nAAA0BBB,M3.5.0,M10.5.0\n"};
    struct file file = make(&made);
    const struct zone *zone = parse("x", &file, &arena, &wrong);
    assert_true(zone_is_same(zone, parse("x", &file, &arena, &wrong)));
    assert_false(zone_is_same(zone, parse("y", &file, &arena, &wrong)));
    made.times[1] = 7;
    file = make(&made);
    assert_false(zone_is_same(zone, parse("x", &file, &arena, &wrong)));
    assert_false(zone_is_same(zone, zone_utc()));
    assert_true(zone_is_same(zone_utc(), zone_utc()));
    arena_finish(&arena);
}

static void zone_utc_has_no_changes(void **state) {
    (void)state;
    int64_t change_s;
    assert_string_equal(zone_name(zone_utc()), "UTC");
    assert_int_equal(zone_offset_s(zone_utc(), 0), 0);
    assert_false(zone_next_change(zone_utc(), 0, &change_s));
}

static void zone_is_name_keeps_within_the_folder(void **state) {
    (void)state;
    static const char *const good[] = {"UTC",        "Europe/Berlin", "America/Port-au-Prince",
                                       "Etc/GMT+12", "GB-Eire",       "America/Argentina/ComodRivadavia"};
    static const char *const bad[] = {
        "",          "/etc/passwd",    "../passwd", "Europe/../../etc/passwd", ".",
        "Europe/",   "Europe//Berlin", "a b",       "Europe/Berlin\n",         ".hidden",
        X50 X10 "x", "Z\xc3\xbcrich"};
    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(zone_is_name(good[i]));
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(zone_is_name(bad[i]));
}

static void zone_offset_text_has_sign_and_seconds(void **state) {
    (void)state;
    static const struct {
        int32_t offset_s;
        const char *text;
    } rows[] = {{0, "+0000"},     {3600, "+0100"},   {-12600, "-0330"},
                {45900, "+1245"}, {3208, "+005328"}, {-93600, "-2600"}};
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(zone_offset_text(rows[i].offset_s, (char[ZONE_OFFSET_TEXT_BYTES]){0}),
                            rows[i].text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zone_offset_is_the_librarys),
        cmocka_unit_test(zone_stretches_follow_each_other),
        cmocka_unit_test(zone_of_a_far_year_is_as_an_era_before),
        cmocka_unit_test(zone_parse_of_the_first_version_has_its_changes),
        cmocka_unit_test(zone_changes_that_change_nothing_are_none),
        cmocka_unit_test(zone_parse_refuses_what_is_none),
        cmocka_unit_test(zone_parse_of_a_damaged_file_stays_within_it),
        cmocka_unit_test(zone_is_same_by_name_and_offsets),
        cmocka_unit_test(zone_utc_has_no_changes),
        cmocka_unit_test(zone_is_name_keeps_within_the_folder),
        cmocka_unit_test(zone_offset_text_has_sign_and_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
