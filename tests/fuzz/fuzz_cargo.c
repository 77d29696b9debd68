/* What outside work printed, in pieces: taken whole, and read back line by line; or refused with a reason. */
#include "tests/fuzz/fuzz.h"

#include "pool/children/cargo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct spool_place place = {.directory = "/dev/shm"};
    struct spool printed;
    struct text error = {0};
    uint64_t most_bytes = size ? data[0] * UINT64_C(64) : 1024;
    struct cargo *cargo = cargo_create(&place, most_bytes);
    spool_init(&printed, &place);
    for (size_t at = 0, piece = 1; at < size; at += piece, piece = piece % 251 + 1) {
        if (piece > size - at)
            piece = size - at;
        MUST(spool_add(&printed, (const char *)data + at, piece, &error));
    }
    uint64_t bytes_count = printed.bytes_count;
    bool added = cargo_add_lines(cargo, &printed, &error);
    MUST(added == (error.bytes_count == 0));
    if (added) {
        struct cargo_reader reader;
        size_t length, sum = 0, count = 0;
        cargo_read(&reader, &cargo->lines);
        for (const char *line; (line = cargo_next_line(&reader, &length, &error)); count++, sum += length + 1)
            MUST(strlen(line) == length);
        MUST(count == cargo->line_count && sum >= bytes_count && sum <= bytes_count + 1 && sum <= most_bytes);
        cargo_reader_finish(&reader);
    }
    spool_clear(&printed);
    cargo_destroy(cargo);
    MUST(place.memory_bytes == 0);
    text_finish(&error);
    return 0;
}
