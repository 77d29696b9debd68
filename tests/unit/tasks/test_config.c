/*
 * The sections of a file and the keys of daemon and pool; and the three files of etc/ held together with the program.
 * The keys of a task: test_config_task.c.
 */
#include "tests/unit/helper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/config.h"

#define POOL   "[pool p]\nsize = 3\n"       /* lines 1 and 2 */
#define TASK   "[task t]\nevery = 1min\n"   /* the next two */
#define RIGHT  POOL TASK "sql = SELECT 1\n" /* five lines; more keys of the task may follow */

static const struct {
    const char *name, *text;
    uint32_t line;
    const char *piece;
} wrongs[] = {
    {"unknown key of a pool", "[pool p]\nsise = 3\n" TASK "sql = x\n", 2, "did you mean 'size'?"},
    {"unknown key of the daemon", "[headgate]\nlog-level = info\n" RIGHT, 2, "did you mean 'log_level'?"},
    {"unknown section", RIGHT "[tasks x]\nevery = 1s\n", 6, "[tasks x] is not a section"},
    {"task without a name", RIGHT "[task]\nevery = 1s\n", 6, "[task] is not a section"},
    {"headgate with a name", RIGHT "[headgate x]\nlog_level = info\n", 6, "is not a section"},
    {"no child at all", "[headgate]\nchildren = 0\n" RIGHT, 2, "from 1 to 10000"},
    {"bad log level", "[headgate]\nlog_level = loud\n" RIGHT, 2, "none of error | warning | info | debug"},
    {"name of a pool", "[pool p*]\nsize = 3\n", 1, "may hold letters"},
    {"name of a group", "[group g*]\nlimit = 1\n" RIGHT, 1, "may hold letters"},
    {"unknown key of a group", "[group g]\nlimt = 1\n" RIGHT, 2, "did you mean 'limit'?"},
    {"limit 0", "[group g]\nlimit = 0\n" RIGHT, 2, "from 1 to 1000"},
    {"limit 1001", "[group g]\nlimit = 1001\n" RIGHT, 2, "from 1 to 1000"},
    {"group without its limit", "[group g]\n" RIGHT, 1, "[group g] is empty"},
    {"a second group of the name", "[group g]\nlimit = 1\n[group g]\nlimit = 2\n" RIGHT, 3, "second time"},
    {"unknown group", RIGHT "group = g\n", 6, "there is no [group g] in this file; write one, with its limit"},
    {"mistyped group", "[group reports]\nlimit = 1\n" RIGHT "group = report\n", 8, "did you mean 'reports'?"},
    {"pool for a group", "[group g]\nlimit = 1\n" RIGHT "group = p\n", 8, "there is no [group p] in this file"},
    {"size 0", "[pool p]\nsize = 0\n[task t]\nevery = 1s\ncommand = ls\ntokens = 0\n", 2, "from 1 to 1000"},
    {"size 1001", "[pool p]\nsize = 1001\n[task t]\nevery = 1s\ncommand = ls\ntokens = 0\n", 2, "from 1 to 1000"},
    {"statement_timeout", "[pool p]\nstatement_timeout = 21d\n", 2, "from 0s to 20d"},
    {"drain_timeout", "[headgate]\ndrain_timeout = 2d\n" RIGHT, 2, "from 0s to 1d"},
    {"no pool", TASK "sql = x\n", 0, "there is no [pool NAME]"},
    {"no task", POOL, 0, "there is no [task NAME]"},
    {"form and meaning", RIGHT "enabled = on ; for now\n", 6, "a blank before ';'"},
};

static void read_any_wrong_file_names_line_and_reason(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(wrongs); i++) {
        struct faults faults = {0};
        struct taskset *set = config_read(wrongs[i].text, strlen(wrongs[i].text), &helper_files, &faults);
        helper_expect_fault(wrongs[i].name, &faults, wrongs[i].line, wrongs[i].piece);
        faults_finish(&faults);
        taskset_unref(set);
    }
}

static struct taskset *read_text(const char *text, struct faults *faults) {
    return config_read(text, strlen(text), &helper_files, faults);
}

static bool has_fault(const struct faults *faults, uint32_t line, const char *piece) {
    for (size_t i = 0; i < faults->count; i++)
        if (faults->items[i].line == line && strstr(faults->items[i].message, piece))
            return true;
    return false;
}

static void read_many_faults_gives_all_in_line_order(void **state) {
    (void)state;
    struct faults faults = {0};
    struct taskset *set = read_text("[task a]\n"           /* 1: no work */
                                    "every = 0\n"          /* 2 */
                                    "pool = q\n"           /* 3 */
                                    "[headgate]\n"         /* 4 */
                                    "log_level = x ; y\n"  /* 5 */
                                    "drain_timeout = 1\n"  /* 6 */
                                    "[pool p]\n"           /* 7 */
                                    "size = many\n"        /* 8 */
                                    "size = 4\n"           /* 9: a second time */
                                    "[what]\n"             /* 10: no such section */
                                    "x = 1\n"              /* 11 */
                                    "[task a]\n"           /* 12: a second time */
                                    "every = 1s\n"         /* 13 */
                                    "sql = SELECT 1\n"     /* 14 */
                                    "trasaction = off\n",  /* 15 */
                                    &faults);
    static const uint32_t lines[] = {1, 2, 3, 5, 6, 8, 9, 10, 12, 15};
    assert_int_equal(faults.count, COUNT(lines));
    for (size_t i = 0; i < COUNT(lines); i++)
        assert_int_equal(faults.items[i].line, lines[i]);
    faults_finish(&faults);
    taskset_unref(set);
}

static void read_too_many_pools_is_refused(void **state) {
    (void)state;
    struct text text = {0};
    for (int i = 0; i < POOLS_MAX + 2; i++)
        text_add(&text, "[pool p%d]\nsize = 1\n", i);
    text_add(&text, TASK "pool = p63\nsql = x\n");
    struct faults faults = {0};
    struct taskset *set = read_text(text.bytes, &faults);
    assert_int_equal(faults.count, 2);
    assert_true(has_fault(&faults, 2 * POOLS_MAX + 1, "this is pool 65; the limit is 64"));
    assert_true(has_fault(&faults, 2 * POOLS_MAX + 3, "limit"));
    faults_finish(&faults);
    taskset_unref(set);
    text_finish(&text);
}

static void read_too_many_groups_is_refused(void **state) {
    (void)state;
    struct text text = {0};
    for (int i = 0; i < GROUPS_MAX + 1; i++)
        text_add(&text, "[group g%d]\nlimit = 1\n", i);
    text_add(&text, POOL TASK "group = g999\nsql = x\n");
    struct faults faults = {0};
    struct taskset *set = read_text(text.bytes, &faults);
    helper_expect_fault("groups", &faults, 2 * GROUPS_MAX + 1, "this is group 1001; the limit is 1000");
    assert_int_equal(set->group_count, GROUPS_MAX);
    faults_finish(&faults);
    taskset_unref(set);
    text_finish(&text);
}

/* They may stand behind their tasks, and in any order. */
static void read_groups_finds_each_by_its_name(void **state) {
    (void)state;
    struct faults faults = {0};
    struct taskset *set = read_text(RIGHT "group = b\n"
                                          "[task u]\nevery = 1s\nsql = x\n"
                                          "[group c]\nlimit = 3\n[group b]\nlimit = 2\n[group a]\nlimit = 1\n",
                                    &faults);
    helper_expect_no_fault("groups", &faults);
    assert_int_equal(set->group_count, 3);
    assert_int_equal(set->tasks[1].group, TASKSET_NONE);
    const struct group_settings *group = &set->groups[set->tasks[0].group];
    assert_string_equal(group->name, "b");
    assert_int_equal(group->limit, 2);
    assert_int_equal(group->task_count, 1);
    assert_int_equal(taskset_find_group(set, "d"), TASKSET_NONE);
    faults_finish(&faults);
    taskset_unref(set);
}

static void read_many_faulty_tasks_stops_listing(void **state) {
    (void)state;
    struct text text = {0};
    text_add(&text, POOL);
    for (int i = 0; i < 2 * FAULTS_MAX; i++)
        text_add(&text, "[task t%d]\nevery = 0\nsql = x\n", i);
    struct faults faults = {0};
    struct taskset *set = read_text(text.bytes, &faults);
    assert_int_equal(faults.count, FAULTS_MAX);
    assert_int_equal(faults.left_off_count, FAULTS_MAX);
    faults_finish(&faults);
    taskset_unref(set);
    text_finish(&text);
}

static void read_few_keys_gives_the_defaults_of_daemon_and_pool(void **state) {
    (void)state;
    struct taskset *set = helper_taskset(RIGHT);
    assert_int_equal(set->daemon.log_level, LOG_INFO);
    assert_string_equal(set->daemon.control, "");
    assert_true(set->daemon.drain_timeout_us == 30 * US_PER_S);
    const struct pool_settings *pool = &set->pools[0];
    assert_string_equal(pool->conninfo, "");
    assert_string_equal(pool->pooler_conninfo, "");
    assert_int_equal(pool->size, 3);
    assert_true(pool->statement_timeout_us == 0 && pool->recycle_us == 30 * US_PER_MIN);
    taskset_unref(set);
}

static void read_all_keys_gives_what_they_say(void **state) {
    (void)state;
    struct taskset *set = helper_taskset(TASK "pool = q\nsql = x\n"
                                         "[pool p]\nsize = 2\n[pool q]\nconninfo = dbname=x\nsize = 1000\n" /* from line 5 on */
                                         "pooler_conninfo = port=6432\n"
                                         "[headgate]\nlog_level = debug\ncontrol = /x\nchildren = 7\nspool = /y\n");
    assert_int_equal(set->daemon.log_level, LOG_DEBUG);
    assert_string_equal(set->daemon.control, "/x");
    assert_int_equal(set->daemon.children, 7);
    assert_string_equal(set->daemon.spool, "/y");
    assert_int_equal(set->pools[0].size, 2);
    assert_int_equal(set->pools[1].size, 1000);
    assert_string_equal(set->pools[1].conninfo, "dbname=x");
    assert_int_equal(set->pools[1].conninfo_line, 8);
    assert_string_equal(set->pools[1].pooler_conninfo, "port=6432");
    assert_int_equal(set->pools[1].pooler_conninfo_line, 10);
    assert_int_equal(set->tasks[0].pool, 1);
    taskset_unref(set);
}

/* --- the files of etc/ --- */

static char *etc_file(const char *path) {
    size_t bytes;
    char *text = helper_source_file(path, &bytes);
    assert_non_null(text);
    return text;
}

static void etc_files_are_read_without_a_fault(void **state) {
    (void)state;
    static const char *const names[] = {"etc/minimal.ini", "etc/office.ini", "etc/full.ini"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char *text = etc_file(names[i]);
        struct taskset *set = helper_taskset(text);
        assert_true(set->task_count > 0);
        taskset_unref(set);
        free(text);
    }
}

/* What is written after `key =` or `#key =` at the start of a line of the sections of this kind, "" included. */
static bool stands_in(const char *text, const char *kind, const char *key, const char *value) {
    bool in_kind = false;
    size_t kind_bytes = strlen(kind), key_bytes = strlen(key);
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (*line == '[')
            in_kind = strncmp(line + 1, kind, kind_bytes) == 0 && strchr(" ]", line[1 + kind_bytes]);
        const char *at = line + (*line == '#');
        if (!in_kind || strncmp(at, key, key_bytes) != 0)
            continue;
        at += key_bytes;
        at += strspn(at, " ");
        if (*at++ != '=')
            continue;
        at += strspn(at, " ");
        if (!*value || (strcspn(at, "\n") == strlen(value) && strncmp(at, value, strlen(value)) == 0))
            return true;
    }
    return false;
}

static bool is_key(const char *kind, const char *word, size_t bytes) {
    for (size_t i = 0; config_key_name(kind, i); i++)
        if (strlen(config_key_name(kind, i)) == bytes && strncmp(config_key_name(kind, i), word, bytes) == 0)
            return true;
    return false;
}

static void etc_full_ini_names_every_key_with_its_default(void **state) {
    (void)state;
    static const char *const kinds[] = {"headgate", "pool", "group", "task"};
    char *text = etc_file("etc/full.ini");
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (size_t i = 0; config_key_name(kinds[k], i); i++)
            if (!stands_in(text, kinds[k], config_key_name(kinds[k], i), config_key_default(kinds[k], i)))
                fail_msg("etc/full.ini has no '%s = %s' in [%s]", config_key_name(kinds[k], i),
                         config_key_default(kinds[k], i), kinds[k]);
    free(text);
}

static void etc_full_ini_names_no_other_key(void **state) {
    (void)state;
    char *text = etc_file("etc/full.ini");
    char kind[16] = "";
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (*line == '[')
            sscanf(line, "[%15[a-z]", kind);
        const char *word = line + (*line == '#');
        size_t bytes = strspn(word, "abcdefghijklmnopqrstuvwxyz_");
        const char *after = word + bytes;
        if (bytes && after[strspn(after, " ")] == '=' && !is_key(kind, word, bytes))
            fail_msg("etc/full.ini has '%.*s' in [%s]", (int)bytes, word, kind);
    }
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_any_wrong_file_names_line_and_reason),
        cmocka_unit_test(read_many_faults_gives_all_in_line_order),
        cmocka_unit_test(read_too_many_pools_is_refused),
        cmocka_unit_test(read_too_many_groups_is_refused),
        cmocka_unit_test(read_groups_finds_each_by_its_name),
        cmocka_unit_test(read_many_faulty_tasks_stops_listing),
        cmocka_unit_test(read_few_keys_gives_the_defaults_of_daemon_and_pool),
        cmocka_unit_test(read_all_keys_gives_what_they_say),
        cmocka_unit_test(etc_files_are_read_without_a_fault),
        cmocka_unit_test(etc_full_ini_names_every_key_with_its_default),
        cmocka_unit_test(etc_full_ini_names_no_other_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
