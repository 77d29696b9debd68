/* SQL of another scheduler. What is printed of it is one value that the reader of ini files takes, and means the same. */
#include "tests/fuzz/fuzz.h"

#include "scheduler/import/sql.h"
#include "tasks/inifile.h"
#include "tests/unit/scheduler/import/meaning.h"

static void check_page(const char *sql, const char *printed) {
    struct arena arena = {0};
    struct faults faults = {0};
    struct text page = {0}, before = {0}, after = {0};
    struct inifile file;
    text_add(&page, "[task t]\n%s", printed);
    inifile_read(page.bytes, page.bytes_count, &arena, &arena, &faults, &file);
    MUST(faults.count == 0 && file.section_count == 1 && file.sections[0].entry_count == 1);
    const char *back = file.sections[0].entries[0].value;
    add_meaning(sql, sql + strlen(sql), true, &before);
    add_meaning(back, back + strlen(back), true, &after);
    bool same = strcmp(before.bytes, after.bytes) == 0;
    text_clear(&before);
    text_clear(&after);
    add_meaning(sql, sql + strlen(sql), false, &before);
    add_meaning(back, back + strlen(back), false, &after);
    MUST(same || strcmp(before.bytes, after.bytes) == 0);
    text_finish(&page);
    text_finish(&before);
    text_finish(&after);
    arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *sql = fuzz_text(data, size);
    struct text page = {0};
    if (sql_print(&page, "sql", sql))
        check_page(sql, page.bytes);
    (void)sql_wants_no_transaction(sql);
    text_finish(&page);
    free(sql);
    return 0;
}
