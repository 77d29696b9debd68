/* A crontab of anybody. What is printed for it is an ini file that the reader takes, whatever stood there, and each
 * command of it can be split. */
#include "tests/fuzz/fuzz.h"

#include "scheduler/import/crontab.h"
#include "tasks/inifile.h"
#include "tasks/keys.h"
#include "tasks/words.h"

static void check_task(const struct inifile_section *section, struct arena *arena, struct faults *faults) {
    struct text wrong = {0};
    const struct inifile_entry *command = keys_find(section, "command");
    MUST(command && keys_find(section, "cron"));
    MUST(*keys_section_name(section, faults));
    MUST(words_split(command->value, arena, &wrong));
    text_finish(&wrong);
}

static bool knows_user(const char *name) {
    return *name == 'r';
}

static bool knows_zone(const char *name) {
    return *name == 'E';
}

static void try_kind(const char *text, enum crontab_kind kind) {
    struct arena arena = {0};
    struct faults faults = {0};
    struct text page = {0};
    struct import_count count;
    struct inifile file;
    uint32_t tasks = 0;
    crontab_print(text, kind, "Europe/Berlin", knows_zone, &page, &count);
    inifile_read(page.bytes, page.bytes_count, &arena, &arena, &faults, &file);
    for (uint32_t i = 0; i < file.section_count; i++) {
        if (!keys_is_kind(&file.sections[i], "task"))
            continue;
        check_task(&file.sections[i], &arena, &faults);
        tasks++;
    }
    MUST(tasks == count.task_count && file.section_count == tasks + 2);
    MUST(faults.count == 0);
    faults_finish(&faults);
    text_finish(&page);
    arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_text(data, size);
    (void)crontab_kind_of(text, knows_user);
    try_kind(text, CRONTAB_USER);
    try_kind(text, CRONTAB_SYSTEM);
    free(text);
    return 0;
}
