/* A [task NAME] section: every fault that it can have, and what its keys become. */
#include "tests/unit/helper.h"

#include <stdio.h>
#include <string.h>

#include "tasks/config.h"

#define POOL   "[pool p]\nsize = 3\n"       /* lines 1 and 2 */
#define TASK   "[task t]\nevery = 1min\n"   /* the next two */
#define CALENDAR(cron) "[task t]\ncron = " cron "\n"
#define RIGHT  POOL TASK "sql = SELECT 1\n" /* five lines; more keys of the task may follow */
#define STAGED POOL TASK "read = r\nwork = ls\nwrite = w\n" /* seven lines */

static const struct {
    const char *name, *text;
    uint32_t line;
    const char *piece;
} wrongs[] = {
    {"unknown key, suggestion", RIGHT "priorty = high\n", 6, "[task t] has no key 'priorty'; did you mean 'priority'?"},
    {"unknown key, nothing near", RIGHT "zzzzzzzz = 1\n", 6, "etc/full.ini lists them all"},
    {"key of another section", RIGHT "conninfo = x\n", 6, "no key 'conninfo'"},
    {"key in capitals", RIGHT "Priority = low\n", 6, "did you mean 'priority'?"},
    {"weight above the pool", RIGHT "tokens = 4\n", 6, "tokens = 4 is more than [pool p] has (size = 3)"},
    {"weight above any pool", RIGHT "tokens = 1001\n", 6, "from 0 to 1000"},
    {"no work", POOL TASK, 3, "[task t] has no work; give it one of sql, sql_file, command, or read, work and write"},
    {"sql and command", RIGHT "command = ls\n", 3, "more than one of sql, sql_file, command, and read, work and write; keep one"},
    {"sql and sql_file", RIGHT "sql_file = there.sql\n", 3, "more than one of sql, sql_file, command, and read, work and write; keep one"},
    {"empty work", POOL TASK "sql =\ncommand = ls\n", 5, "'sql' is empty"},
    {"phase without an interval", POOL "[task t]\nsql = x\nphase = 1s\n", 5, "[task t] is not due by time; it says when within an interval"},
    {"wake of nothing", RIGHT "wake = ,\n", 6, "wake names no channel; write wake = new_mail, say"},
    {"wake twice by one", RIGHT "wake = a b a\n", 6, "wake has the channel 'a' twice; keep one"},
    {"wake in quotes", RIGHT "wake = \"New\"\n", 6, "write the name of the channel as it is, without quotes"},
    {"wake by a long name", RIGHT "wake = a123456789012345678901234567890123456789012345678901234567890123\n", 6,
     "which is 64 bytes; PostgreSQL takes 63"},
    {"wake_most_every without wake", RIGHT "wake_most_every = 1s\n", 6, "it bounds wake, and [task t] has no wake = CHANNEL"},
    {"wake and after", POOL TASK "sql = x\n[task u]\nsql = x\nafter = t\nwake = a\n", 9,
     "[task u] has both after and wake; keep one, or make two tasks of it"},
    {"every and cron", RIGHT "cron = @daily\n", 6, "[task t] has both every and cron; keep one"},
    {"cron that is none", POOL CALENDAR("61 * * * *") "sql = x\n", 4,
     "cron = '61 * * * *': the minute '61' is out of bounds; it goes from 0 to 59"},
    {"cron that never comes true", POOL CALENDAR("30 2 30 2 *") "sql = x\n", 4, "cron = '30 2 30 2 *': it never comes true"},
    {"phase beside cron", POOL CALENDAR("@daily") "sql = x\nphase = 1s\n", 6, "'phase' says nothing here: [task t] is due by calendar"},
    {"spread without cron", RIGHT "spread = 1s\n", 6, "'spread' says nothing here: [task t] has an interval"},
    {"zone without cron", RIGHT "zone = Europe/Berlin\n", 6, "'zone' says nothing here: [task t] has an interval"},
    {"zone without anything", POOL "[task t]\nsql = x\nzone = UTC\n", 5, "'zone' says nothing here: [task t] is not due by time"},
    {"zone that is not there", POOL CALENDAR("@daily") "sql = x\nzone = No/Zone\n", 6, "zone = 'No/Zone' cannot be read"},
    {"zone out of the folder", POOL CALENDAR("@daily") "sql = x\nzone = ../../etc/passwd\n", 6,
     "zone = '../../etc/passwd' is no name of a time zone; write one of the system's, such as Europe/Berlin"},
    {"zone by an absolute path", POOL CALENDAR("@daily") "sql = x\nzone = /etc/localtime\n", 6, "is no name of a time zone"},
    {"spread above the interval", POOL CALENDAR("*/5 * * * *") "sql = x\nspread = 6min\n", 6,
     "spread is above what two instants of cron = '*/5 * * * *' are apart (5min)"},
    {"spread beyond a day", POOL CALENDAR("@monthly") "sql = x\nspread = 2d\n", 6, "from 0s to 1d"},
    {"patience above the calendar's interval", POOL CALENDAR("* * * * *") "sql = x\npatience = 61s\n", 6,
     "patience is above the interval (1min)"},
    {"catch_up without an interval", POOL "[task t]\nsql = x\ncatch_up = all\n", 5, "'catch_up' says nothing here"},
    {"after beside every", RIGHT "after = t2\n[task t2]\nsql = x\n", 6, "[task t] has both every and after; keep one"},
    {"after beside cron", POOL "[task t]\ncron = @daily\nafter = t2\nsql = x\n[task t2]\nsql = x\n", 5, "[task t] has both cron and after; keep one"},
    {"after an unknown task", POOL "[task t]\nafter = tea2\nsql = x\n[task tea]\nsql = x\n", 4,
     "[task t] is after 'tea2', and there is no such task; did you mean 'tea'?"},
    {"after itself", POOL "[task t]\nafter = t\nsql = x\n", 4, "[task t]: after has the task's own name; leave it out"},
    {"after one twice", POOL "[task t]\nafter = u, u\nsql = x\n[task u]\nsql = x\n", 4, "after has a name twice; once is enough"},
    {"after with an empty name", POOL "[task t]\nafter = u,\nsql = x\n[task u]\nsql = x\n", 4, "after has an empty name"},
    {"after in a circle", POOL "[task t]\nafter = u\nsql = x\n[task u]\nsql = x\nafter = v\n[task v]\nafter = t\nsql = x\n", 4,
     "after goes in a circle: v (line 10), which comes before u (line 8), which comes before t (line 4), which comes before v; take one of them out"},
    {"after with overlap = allow", POOL "[task t]\nafter = u\noverlap = allow\nsql = x\n[task u]\nsql = x\n", 5, "the runs of [task t] come one after another"},
    {"after with a phase", POOL "[task t]\nafter = u\nphase = 1s\nsql = x\n[task u]\nsql = x\n", 5,
     "'phase' says nothing here: [task t] is due when the tasks of its after have ended"},
    {"after with catch_up", POOL "[task t]\nafter = u\ncatch_up = all\nsql = x\n[task u]\nsql = x\n", 5, "'catch_up' says nothing here"},
    {"after_any without after", RIGHT "after_any = on\n", 6, "'after_any' says nothing here: [task t] has no after"},
    {"after_outcome without after", RIGHT "after_outcome = any\n", 6, "'after_outcome' says nothing here"},
    {"after_outcome of another kind", POOL "[task t]\nafter = u\nafter_outcome = good\nsql = x\n[task u]\nsql = x\n", 5,
     "after_outcome = 'good' is none of ok | failed | any"},
    {"interval of 0", POOL "[task t]\nevery = 0\nsql = x\n", 4, "every = '0' is out of bounds; it goes from 1ms to 3653d"},
    {"interval of 0s", POOL "[task t]\nevery = 0s\nsql = x\n", 4, "out of bounds"},
    {"interval below 1ms", POOL "[task t]\nevery = 999us\nsql = x\n", 4, "out of bounds"},
    {"interval above ten years", POOL "[task t]\nevery = 3653d1ms\nsql = x\n", 4, "out of bounds"},
    {"interval ends before it begins", POOL "[task t]\nevery = 20s..15s\nsql = x\n", 4,
     "every = '20s..15s' ends before it begins; write the shorter one first"},
    {"interval has three ends", POOL "[task t]\nevery = 15s..20s..30s\nsql = x\n", 4, "is a range, where one"},
    {"interval lacks its end", POOL "[task t]\nevery = 15s..\nsql = x\n", 4, "every = '' is empty"},
    {"patience above the interval", POOL "[task t]\nevery = 1s\npatience = 2s\nsql = x\n", 5,
     "patience is above the interval"},
    {"interval without a unit", POOL "[task t]\nevery = 15\nsql = x\n", 4, "has no unit"},
    {"interval with a wrong unit", POOL "[task t]\nevery = 2w\nsql = x\n", 4, "unknown unit"},
    {"unknown pool", RIGHT "pool = q\n", 6, "there is no [pool q]"},
    {"no pool said", POOL "[pool q]\nsize = 1\n" TASK "sql = x\n", 5, "must say which pool it uses; this file has 2"},
    {"tokens = 0 for sql", RIGHT "tokens = 0\n", 6, "SQL needs its session's token"},
    {"tokens = 0 for sql_file", POOL TASK "sql_file = there.sql\ntokens = 0\n", 6, "SQL needs its session's token"},
    {"tokens below 0", RIGHT "tokens = -1\n", 6, "not a whole number"},
    {"tokens with a fraction", RIGHT "tokens = 1.5\n", 6, "not a whole number"},
    {"tokens beyond any number", RIGHT "tokens = 99999999999999999999999\n", 6, "out of bounds"},
    {"phase at the interval", RIGHT "phase = 1min\n", 6, "phase is not below the interval"},
    {"phase below 0", RIGHT "phase = -1s\n", 6, "not a number"},
    {"transaction on a command", POOL TASK "command = ls\ntransaction = off\n", 6, "'transaction' says nothing here: [task t] is a command"},
    {"session on a command", POOL TASK "command = ls\nsession = clean\n", 6, "'session' says nothing here: [task t] is a command"},
    {"transaction on stages", STAGED "transaction = off\n", 8, "[task t] is stages; read and write are transactions"},
    {"session on stages", STAGED "session = clean\n", 8, "'session' says nothing here"},
    {"tokens on stages", STAGED "tokens = 1\n", 8, "'tokens' says nothing here: [task t] is stages"},
    {"read_timeout on sql", RIGHT "read_timeout = 1s\n", 6, "[task t] is SQL; write timeout"},
    {"work_timeout on a command", POOL TASK "command = ls\nwork_timeout = 1s\n", 6, "is a command; write timeout"},
    {"write_timeout on sql", RIGHT "write_timeout = 1s\n", 6, "write timeout"},
    {"work_parallel on sql", RIGHT "work_parallel = 2\n", 6, "only outside work has children"},
    {"max_bytes on a command", POOL TASK "command = ls\nmax_bytes = 1MiB\n", 6, "only stages keep rows and output"},
    {"expect_work on sql", RIGHT "expect_work = 1s\n", 6, "write expect"},
    {"conflict_retries on a command", POOL TASK "command = ls\nconflict_retries = 2\n", 6, "transactions are its own"},
    {"retry_lock on a command", POOL TASK "command = ls\nretry_lock = on\n", 6, "transactions are its own"},
    {"work alone", POOL TASK "work = ls\n", 5, "has work, but neither read nor write; write command = ... and tokens = 0"},
    {"read and write without work", POOL TASK "read = r\nwrite = w\n", 3, "has no work between read and write"},
    {"read alone", POOL TASK "read = r\n", 3, "has no work between read and write"},
    {"sql and write", RIGHT "write = w\n", 3, "more than one of sql, sql_file, command, and read, work and write"},
    {"command and work", POOL TASK "command = ls\nwork = ls\nwrite = w\n", 3, "more than one of"},
    {"read and read_file", STAGED "read_file = there.sql\n", 5, "[task t] has both read and read_file; keep one"},
    {"write and write_file", STAGED "write_file = there.sql\n", 7, "[task t] has both write and write_file; keep one"},
    {"when and when_file", RIGHT "when = SELECT true\nwhen_file = there.sql\n", 6, "[task t] has both when and when_file; keep one"},
    {"missing when_file", RIGHT "when_file = missing.sql\n", 6, "missing.sql cannot be read"},
    {"empty guard", RIGHT "when =\n", 6, "'when' is empty"},
    {"guard and catch_up = all", RIGHT "catch_up = all\nwhen = SELECT true\n", 6,
     "catch_up = all cannot be with when: [task t] has no record of what its guard said no to"},
    {"missing read_file", POOL TASK "read_file = missing.sql\nwork = ls\n", 5, "missing.sql cannot be read"},
    {"missing write_file", POOL TASK "work = ls\nwrite_file = missing.sql\n", 6, "missing.sql cannot be read"},
    {"work_parallel without read", POOL TASK "work = ls\nwrite = w\nwork_parallel = 2\n", 7, "[task t] has no read"},
    {"work_parallel above its most", STAGED "work_parallel = 1001\n", 8, "from 0 to 1000"},
    {"work with shell syntax", POOL TASK "read = r\nwork = ls > x\n", 6, "work has an unquoted '>'"},
    {"work with an open quote", POOL TASK "read = r\nwork = ls 'x\n", 6, "work has a quote that is not closed"},
    {"max_bytes too small", STAGED "max_bytes = 1023\n", 8, "max_bytes = '1023'"},
    {"max_bytes above its most", STAGED "max_bytes = 2TiB\n", 8, "max_bytes = '2TiB'"},
    {"max_bytes without a number", STAGED "max_bytes = much\n", 8, "max_bytes = 'much'"},
    {"retry_delay reversed", RIGHT "retry_delay = 5min..1s\n", 6, "ends before it begins; write the shorter one first"},
    {"retry_delay of 0", RIGHT "retry_delay = 0s..1s\n", 6, "it goes from 1ms to 1d"},
    {"retry_delay above a day", RIGHT "retry_delay = 1s..2d\n", 6, "it goes from 1ms to 1d"},
    {"hold reversed", RIGHT "hold = 1h..1min\n", 6, "ends before it begins"},
    {"retries above their most", RIGHT "retries = 1001\n", 6, "from 0 to 1000"},
    {"conflict_retries above their most", RIGHT "conflict_retries = 101\n", 6, "from 0 to 100"},
    {"retry_lock is a switch", RIGHT "retry_lock = 55P03\n", 6, "neither on nor off"},
    {"start_deadline without a unit", RIGHT "start_deadline = 5\n", 6, "has no unit"},
    {"shell syntax", POOL TASK "command = ls | wc\n", 5, "unquoted '|'"},
    {"open quote", POOL TASK "command = ls 'x\n", 5, "a quote that is not closed"},
    {"backslash at the end", POOL TASK "command = ls \\\n", 5, "ends in a backslash"},
    {"bad choice", RIGHT "overlap = drop\n", 6, "overlap = 'drop' is none of skip | queue | allow"},
    {"bad catch_up", RIGHT "catch_up = none\n", 6, "none of skip | once | all"},
    {"catch_up_count of 0", RIGHT "catch_up = all\ncatch_up_count = 0\n", 7, "from 1 to 1000000"},
    {"catch_up_age of 0", RIGHT "catch_up = all\ncatch_up_age = 0\n", 7, "it goes from 1ms to 3653d"},
    {"a bound of catch_up = once", RIGHT "catch_up_count = 5\n", 6, "it bounds catch_up = all, and [task t] has catch_up = once"},
    {"a bound of catch_up = skip", RIGHT "catch_up = skip\ncatch_up_age = 1h\n", 7, "'catch_up_age' says nothing here"},
    {"repeat that is no choice", RIGHT "repeat = on\n", 6, "repeat = 'on' is none of off | rows"},
    {"repeat of a command", POOL TASK "command = ls\nrepeat = rows\n", 6, "nobody counts the rows that a command changes"},
    {"repeat of stages", STAGED "repeat = rows\n", 8, "repeat = rows is for sql: a staged task"},
    {"repeat without a transaction", POOL TASK "sql = DELETE FROM x\ntransaction = off\nrepeat = rows\n", 6, "each bite a transaction of its own"},
    {"repeat of what changes no rows", RIGHT "repeat = rows\n", 6, "the text of [task t] has none of them"},
    {"repeat of what has the words in others",
     POOL TASK "sql = SELECT updated, delete_all(), \"inserts\" FROM x_merge\nrepeat = rows\n", 6, "has none of them"},
    {"repeat_most without repeat", RIGHT "repeat_most = 5\n", 6, "it bounds repeat = rows, which [task t] does not have"},
    {"repeat_most above its most", POOL TASK "sql = delete FROM x\nrepeat = rows\nrepeat_most = 1000000001\n", 7, "from 0 to 1000000000"},
    {"bad priority", RIGHT "priority = High\n", 6, "none of low | normal | high"},
    {"bad switch", RIGHT "enabled = yes\n", 6, "enabled = 'yes' is neither on nor off"},
    {"bad timeout", RIGHT "timeout = 30m1h\n", 6, "out of order"},
    {"empty value", RIGHT "timeout =\n", 6, "'timeout' is empty"},
    {"window of no day", RIGHT "window = mon-fry 22:00-06:00\n", 6, "window = 'mon-fry 22:00-06:00' names no days of the week; write mon"},
    {"window of no time", RIGHT "window = mon, tue 22-06\n", 6, "window = 'tue 22-06' has no range of times; write times as"},
    {"except of no date", RIGHT "except = 24.12.\n", 6, "except = '24.12.' is no date; write 12-24 for each year"},
    {"window always open", RIGHT "window = mon-sun\n", 6, "window = mon-sun is always open; leave it out"},
    {"window never open", RIGHT "window = sat\nexcept = 01-01..12-31\n", 7, "never open: each day on which it begins is excepted; write enabled = off"},
    {"except of all days", RIGHT "except = 02-29..02-28\n", 6, "a window that is never open"},
    {"window with two faults", RIGHT "window = mon-sun\nexcept = 13-01\n", 7, "a date that does not exist"},
    {"outside without a window", RIGHT "outside = skip\n", 6, "'outside' says nothing here: [task t] has neither window nor except"},
    {"window_end without a window", RIGHT "window_end = cancel\n", 6, "'window_end' says nothing here"},
    {"outside of no kind", RIGHT "window = mon\noutside = drop\n", 7, "none of wait | skip"},
    {"window_end of no kind", RIGHT "window = mon\nwindow_end = kill\n", 7, "none of finish | cancel"},
    {"outside = skip and catch_up = all", RIGHT "window = mon\noutside = skip\ncatch_up = all\n", 7, "write outside = wait or catch_up = once"},
    {"outside = skip and wake", RIGHT "wake = x\nwindow = mon\noutside = skip\n", 8, "would lose what wakes [task t]; write outside = wait"},
    {"window of a task that is triggered", POOL "[task t]\nsql = x\nwindow = mon\n", 5, "runs when it is triggered, and then at any time"},
    {"zone without calendar or window", RIGHT "zone = UTC\n", 6, "whose clocks a calendar or a window is about"},
    {"missing file", POOL TASK "sql_file = missing.sql\n", 5, "missing.sql cannot be read"},
    {"name with a slash", POOL "[task a/b]\nevery = 1s\nsql = x\n", 3, "the name 'a/b' may hold letters"},
    {"name with a blank", POOL "[task a b]\nevery = 1s\nsql = x\n", 3, "may hold letters"},
    {"name with two blanks before", POOL "[task  a]\nevery = 1s\nsql = x\n", 3, "may hold letters"},
    {"name with an umlaut", POOL "[task \xC3\xA4]\nevery = 1s\nsql = x\n", 3, "may hold letters"},
    {"name empty", POOL "[task ]\nevery = 1s\nsql = x\n", 3, "the name '' may hold"},
    {"name of 41 bytes", POOL "[task " X40 "b]\nevery = 1s\nsql = x\n", 3, "is 41 bytes; the limit is 40"},
};

static void task_that_is_wrong_names_line_and_reason(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(wrongs); i++) {
        struct faults faults = {0};
        struct taskset *set = config_read(wrongs[i].text, strlen(wrongs[i].text), &helper_files, &faults);
        helper_expect_fault(wrongs[i].name, &faults, wrongs[i].line, wrongs[i].piece);
        faults_finish(&faults);
        taskset_unref(set);
    }
}

static void task_of_few_keys_has_the_defaults(void **state) {
    (void)state;
    struct taskset *set = helper_taskset(RIGHT);
    const struct task *task = &set->tasks[0];
    assert_string_equal(task->name, "t");
    assert_int_equal(task->line, 3);
    assert_int_equal(task->pool, 0);
    assert_int_equal(task->work, WORK_SQL);
    assert_string_equal(task->sql, "SELECT 1");
    assert_null(task->sql_path);
    assert_true(task->schedule.every_us == US_PER_MIN);
    assert_true(task->schedule.phase_us == schedule_default_phase("t", US_PER_MIN));
    assert_true(task->tokens == 1 && task->timeout_us == 0 && task->transaction && task->enabled);
    assert_true(task->priority == PRIORITY_NORMAL && task->overlap == OVERLAP_SKIP);
    assert_int_equal(task->session, SESSION_DISCARD);
    assert_true(task->catch_up == CATCH_UP_ONCE && task->catch_up_count == 100 && task->catch_up_age_us == US_PER_DAY);
    taskset_unref(set);
}

static void stages_have_defaults_of_their_own(void **state) {
    (void)state;
    struct taskset *set = helper_taskset(STAGED "timeout = 7s\nwork_timeout = 1h\n" /* the others are timeout */
                                     "[task u]\nevery = 1s\nread_file = there.sql\nwork = cat -n\n"
                                     "[task v]\nevery = 1s\nwork = ls\nwrite_file = there.sql\n");
    const struct task *t = &set->tasks[0], *u = &set->tasks[1], *v = &set->tasks[2];
    assert_true(t->work == WORK_STAGES && u->work == WORK_STAGES && v->work == WORK_STAGES);
    assert_string_equal(t->stages->read, "r");
    assert_string_equal(t->argv[0], "ls");
    assert_string_equal(t->stages->write, "w");
    assert_true(t->tokens == 1 && t->stages->parallel == 0 && t->stages->max_bytes == 16 * 1024 * 1024);
    assert_true(t->stages->read_timeout_us == 7 * US_PER_S && t->stages->write_timeout_us == 7 * US_PER_S);
    assert_true(t->stages->work_timeout_us == 60 * US_PER_MIN);
    assert_true(t->conflict_retries == 5 && !t->retry_lock && t->retries == 0 && t->start_deadline_us == 0);
    assert_true(t->retry_delay.least_us == US_PER_S && t->retry_delay.most_us == 5 * US_PER_MIN);
    assert_true(t->hold_after == 10 && t->hold.least_us == US_PER_MIN && t->hold.most_us == 60 * US_PER_MIN);
    assert_string_equal(u->stages->read, "SELECT 'from a file'");
    assert_string_equal(u->stages->read_path, "there.sql");
    assert_string_equal(u->argv[1], "-n");
    assert_true(!u->stages->write && !u->stages->write_path && u->stages->read_timeout_us == 0 && u->stages->work_timeout_us == 0);
    assert_true(!v->stages->read && !v->stages->read_path);
    assert_string_equal(v->stages->write_path, "there.sql");
    taskset_unref(set);
}

static void stages_are_what_their_keys_say(void **state) {
    (void)state;
    struct taskset *set = helper_taskset(
        STAGED "work_parallel = 4\nmax_bytes = 1GiB\nread_timeout = 1s\nwork_timeout = 0s\nwrite_timeout = 3s\n"
               "timeout = 9s\nexpect = 2s\nexpect_work = 1min\nstart_deadline = 30s\nconflict_retries = 0\n"
               "retry_lock = on\nretries = 3\nretry_delay = 2s\nhold_after = 0\nhold = 2s..3s\n"
               "[headgate]\nchildren = 7\nspool = /x\n");
    const struct task *t = &set->tasks[0];
    assert_true(t->stages->parallel == 4 && t->stages->max_bytes == UINT64_C(1) << 30);
    assert_true(t->stages->read_timeout_us == US_PER_S && t->stages->work_timeout_us == 0 && t->stages->write_timeout_us == 3 * US_PER_S);
    assert_true(t->expect_us == 2 * US_PER_S && t->stages->expect_work_us == US_PER_MIN);
    assert_true(t->start_deadline_us == 30 * US_PER_S && t->conflict_retries == 0 && t->retry_lock);
    assert_true(t->retries == 3 && t->retry_delay.least_us == 2 * US_PER_S && t->retry_delay.most_us == 2 * US_PER_S);
    assert_true(t->hold_after == 0 && t->hold.least_us == 2 * US_PER_S && t->hold.most_us == 3 * US_PER_S);
    assert_int_equal(set->daemon.children, 7);
    assert_string_equal(set->daemon.spool, "/x");
    taskset_unref(set);
}

static void tasks_are_what_their_keys_say(void **state) {
    (void)state;
    struct taskset *set = helper_taskset("[task c]\nevery = 1h\nphase = 0\npool = q\ncommand = ls '-l a'\n  /tmp\ntokens = 0\n"
                                     "overlap = allow\npriority = low\ntimeout = 1ms\nenabled = off\ncatch_up = skip\n"
                                     "[task " X40 "]\nevery = 3653d\npool = p\nsql_file = there.sql\ntransaction = off\n"
                                     "session = clean\ntokens = 2\noverlap = queue\npriority = high\n"
                                     "catch_up = all\ncatch_up_count = 7\ncatch_up_age = 2h\n"
                                     "[pool p]\nsize = 2\n[pool q]\nconninfo = dbname=x\nsize = 1000\n"
                                     "pooler_conninfo = port=6432\n");
    const struct task *command = &set->tasks[0], *sql = &set->tasks[1];
    assert_int_equal(command->work, WORK_COMMAND);
    assert_string_equal(command->argv[1], "-l a");
    assert_string_equal(command->argv[2], "/tmp");
    assert_null(command->argv[3]);
    assert_true(command->pool == 1 && command->tokens == 0 && command->schedule.phase_us == 0);
    assert_true(command->overlap == OVERLAP_ALLOW && command->priority == PRIORITY_LOW);
    assert_true(command->timeout_us == US_PER_MS && !command->enabled);
    assert_string_equal(sql->sql, "SELECT 'from a file'");
    assert_string_equal(sql->sql_path, "there.sql");
    assert_true(sql->pool == 0 && sql->tokens == 2 && !sql->transaction && sql->session == SESSION_CLEAN);
    assert_true(sql->overlap == OVERLAP_QUEUE && sql->priority == PRIORITY_HIGH);
    assert_null(sql->when);
    assert_true(command->catch_up == CATCH_UP_SKIP && sql->catch_up == CATCH_UP_ALL);
    assert_true(sql->catch_up_count == 7 && sql->catch_up_age_us == 2 * US_PER_H);
    taskset_unref(set);
}

static void task_of_a_calendar_is_what_its_keys_say(void **state) {
    (void)state;
    struct taskset *set = helper_taskset("[headgate]\nzone = Some/Zone\n" POOL
                                         "[task a]\ncron = 30 6 * * mon-fri\nsql = x\n"
                                         "[task b]\ncron = 0 0 9 * * fri#2\nzone = Other/Zone\nspread = 10min\nsql = x\n"
                                         "[task c]\ncron = @hourly\nzone = Other/Zone\nspread = 1h\nsql = x\ncatch_up = all\n"
                                         "[task d]\ncron = @daily\nzone = UTC\nsql = x\npatience = 1h\n"
                                         "[task e]\nevery = 1s\nsql = x\n");
    const struct task *a = &set->tasks[0], *b = &set->tasks[1], *c = &set->tasks[2], *d = &set->tasks[3], *e = &set->tasks[4];
    assert_int_equal(a->schedule.kind, SCHEDULE_CALENDAR);
    assert_string_equal(a->schedule.text, "30 6 * * mon-fri");
    assert_string_equal(zone_name(a->zone), "Some/Zone");
    assert_true(a->schedule.zone == a->zone && a->schedule.phase_us == 0 && a->patience_us == US_PER_S);
    assert_string_equal(zone_name(b->zone), "Other/Zone");
    assert_true(b->zone == c->zone); /* read once */
    assert_true(b->schedule.phase_us == schedule_default_phase("b", 10 * US_PER_MIN) / US_PER_S * US_PER_S);
    assert_true(c->schedule.phase_us == schedule_default_phase("c", US_PER_H) / US_PER_S * US_PER_S && c->catch_up == CATCH_UP_ALL);
    assert_true(d->zone == zone_utc() && d->patience_us == US_PER_H);
    assert_true(e->schedule.kind == SCHEDULE_EVERY && e->schedule.calendar == NULL);
    /* Friday, 2026-12-11 09:00 an hour east of UTC */
    struct wall from = {INT64_C(1796000000) * US_PER_S};
    assert_int_equal(schedule_next_after(&b->schedule, from).us, INT64_C(1796976000) * US_PER_S + b->schedule.phase_us);
    taskset_unref(set);
}

static void window_is_of_the_tasks_zone(void **state) {
    (void)state;
    struct taskset *set = helper_taskset("[headgate]\nzone = Some/Zone\n" POOL
                                         "[task a]\nevery = 1h\nsql = x\n"
                                         "[task b]\nevery = 1h\nsql = x\nwindow = mon 22:00-06:00\nzone = Other/Zone\n"
                                         "[task c]\ncron = @hourly\nsql = x\nexcept = 12-24\noutside = skip\nwindow_end = cancel\n"
                                         "[task d]\nafter = a\nsql = x\nwindow = mon\noutside = skip\n");
    const struct task *tasks = set->tasks;
    assert_null(tasks[0].window);
    assert_int_equal(tasks[1].window->stretch_count, 1);
    assert_int_equal(tasks[1].window->stretches[0].end_min, 30 * 60);
    assert_string_equal(zone_name(tasks[1].zone), "Other/Zone");
    assert_int_equal(tasks[1].outside, OUTSIDE_WAIT);
    assert_int_equal(tasks[2].window->stretches[0].days, WINDOW_EVERY_DAY);
    assert_int_equal(tasks[2].window->except_count, 1);
    assert_string_equal(zone_name(tasks[2].zone), "Some/Zone");
    assert_int_equal(tasks[2].outside, OUTSIDE_SKIP);
    assert_int_equal(tasks[2].window_end, WINDOW_END_CANCEL);
    assert_non_null(tasks[3].window);
    taskset_unref(set);
}

/* Two daemons of one name that go by different windows would answer for each other: they are two files. */
static void window_is_of_the_work_hash(void **state) {
    (void)state;
    static const char *const windows[] = {"", "window = mon\n", "window = tue\n", "window = mon 01:00-02:00\n",
                                          "window = mon\nexcept = 12-24\n", "window = mon\nexcept = 12-25\n",
                                          "window = mon\noutside = skip\n", "window = mon\nzone = Some/Zone\n"};
    uint64_t hashes[COUNT(windows)];
    for (size_t i = 0; i < COUNT(windows); i++) {
        char ini[200];
        snprintf(ini, sizeof ini, RIGHT "%s", windows[i]);
        struct taskset *set = helper_taskset(ini);
        hashes[i] = taskset_work_hash(set);
        taskset_unref(set);
        for (size_t j = 0; j < i; j++)
            assert_true(hashes[j] != hashes[i]);
    }
}

static void guards_are_of_any_work(void **state) {
    (void)state;
    static const char *const works[] = {"sql = x\n", "command = x\n", "command = x\ntokens = 0\n", "work = x\nwrite = w\n", "read = r\nwork = x\n"};
    for (size_t i = 0; i < COUNT(works); i++) {
        char ini[256];
        snprintf(ini, sizeof ini, POOL "[task t]\nevery = 1s\n%swhen = SELECT true\n[task u]\nevery = 1s\n%swhen_file = there.sql\n", works[i], works[i]);
        struct taskset *set = helper_taskset(ini);
        assert_string_equal(set->tasks[0].when, "SELECT true");
        assert_string_equal(set->tasks[1].when, "SELECT 'from a file'");
        taskset_unref(set);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(task_that_is_wrong_names_line_and_reason),
        cmocka_unit_test(task_of_few_keys_has_the_defaults),
        cmocka_unit_test(stages_have_defaults_of_their_own),
        cmocka_unit_test(stages_are_what_their_keys_say),
        cmocka_unit_test(tasks_are_what_their_keys_say),
        cmocka_unit_test(window_is_of_the_tasks_zone),
        cmocka_unit_test(window_is_of_the_work_hash),
        cmocka_unit_test(task_of_a_calendar_is_what_its_keys_say),
        cmocka_unit_test(guards_are_of_any_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
