/* The tables of pg_cron and of pg_timetable, a cell a line. Whatever stands there, what is printed is an ini file that the
 * reader takes, and each of its tasks can be read. */
#include "tests/fuzz/fuzz.h"

#include "scheduler/import/chain_sql.h"
#include "scheduler/import/pg_cron.h"
#include "scheduler/import/pg_timetable.h"
#include "tasks/config.h"

#define CELLS_MOST 4000

static bool knows_zone(const char *name) {
    return *name == 'E';
}

static void check_page(const struct text *page, const struct import_count *count) {
    struct arena arena = {0};
    struct faults faults = {0};
    struct inifile file;
    uint32_t tasks = 0;
    inifile_read(page->bytes, page->bytes_count, &arena, &arena, &faults, &file);
    for (uint32_t i = 0; i < file.section_count; i++) {
        bool is_task = keys_is_kind(&file.sections[i], "task");
        tasks += is_task;
        MUST(is_task || keys_is_kind(&file.sections[i], "pool") || strcmp(file.sections[i].name, "headgate") == 0);
        MUST(!is_task || keys_find(&file.sections[i], "sql") || keys_find(&file.sections[i], "command"));
    }
    MUST(faults.count == 0 && tasks == count->task_count);
    faults_finish(&faults);
    arena_finish(&arena);
}

static struct table table_of(const char **cells, size_t count, int columns) {
    return (struct table){cells, (uint32_t)(count / (size_t)columns), columns};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct place_pair pairs[] = {{"host", "/run/postgresql"}, {"application_name", "it's"}};
    char *text = fuzz_text(data, size), *rest = text;
    const char *cells[CELLS_MOST], *others[CELLS_MOST];
    struct text page = {0};
    struct import_count count;
    size_t cell_count = 0, other_count = 0;
    for (char *cell; cell_count < CELLS_MOST && other_count < CELLS_MOST && (cell = strsep(&rest, "\x1f"));) {
        if (*cell == '\x1e')
            others[other_count++] = cell + 1;
        else
            cells[cell_count++] = cell;
    }
    struct table jobs = table_of(cells, cell_count, pg_cron_question.column_count);
    pg_cron_print(&jobs, pairs, 2, &page, &count);
    check_page(&page, &count);
    text_clear(&page);
    struct table tasks = table_of(cells, cell_count, pg_timetable_question.column_count);
    struct table parameters = table_of(others, other_count, PARAMETER_COLUMNS);
    pg_timetable_print(&tasks, &parameters, pairs, 2, knows_zone, &page, &count);
    check_page(&page, &count);
    text_finish(&page);
    free(text);
    return 0;
}
