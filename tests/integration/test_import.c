/*
 * `headgate import`: what is printed for a crontab, for pg_cron's table and for pg_timetable's, and that it does what they did.
 */
#include "one_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct process file;

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=30");
    return 0;
}

/* Writes a text to a file beside the ini file. */
static void write_beside(const char *name, const char *text) {
    char path[200];
    snprintf(path, sizeof path, "%.*s/%s", (int)(strrchr(file.ini, '/') - file.ini), file.ini, name);
    FILE *to = fopen(path, "w");
    fputs(text, to);
    fclose(to);
}

/* Runs it in the folder of the ini file, and holds its output against a piece that must be there. */
static void tells(int code, const char *arguments, const char *piece) {
    const char *output;
    int got = shell(&output, "cd $(dirname %s) && headgate %s", file.ini, arguments);
    if (got != code || !strstr(output, piece))
        fail_msg("headgate %s: exit %d, wanted %d and: %s\n%s", arguments, got, code, piece, output);
}

/* --- crontab --- */

static void import_crontab_is_seen_for_what_it_is(void **state) {
    (void)state;
    ini_write(&file, "x");
    write_beside("user", "@daily true\n");
    write_beside("system", "0 6 * * * root true\n");
    write_beside("none", "# nothing\nA=b\n");
    write_beside("reboot", "@reboot true\n");
    tells(0, "import crontab user", "# From a user's crontab.");
    tells(0, "import crontab - <user", "# From a user's crontab.");
    tells(1, "import crontab user --system", "NOT CARRIED OVER, line 1: this is no line of a crontab.");
    tells(0, "import crontab system", "# cron ran it as root; headgate runs it as the daemon's user.");
    tells(0, "import crontab system --user", "'cd; root true'");
    tells(0, "import crontab user --zone Asia/Tokyo", "zone = Asia/Tokyo\n");
    tells(0, "import crontab user 2>&1 >/dev/null", "user: 1 task\n");
    tells(0, "import crontab user --zone ''", "this file goes by UTC");
    tells(1, "import crontab none", "none has no job");
    tells(1, "import crontab reboot", "reboot: 0 tasks; not carried over: 1, see the comments NOT CARRIED OVER");
    tells(1, "import crontab nowhere", "nowhere cannot be read: No such file");
    tells(1, "import crontab .", "cannot be read");
    tells(1, "import crontab /dev/zero", "cannot be read");
    tells(2, "import crontab", "which FILE?");
    tells(2, "import crontab user --user --system", "keep one");
    tells(2, "import", "which KIND?");
    tells(2, "import anacron x", "nothing is known of 'anacron'");
    tells(0, "import --help", "usage: headgate import crontab FILE");
    tells(0, "import crontab --help", "--zone NAME");
}

/* The reader of its own ini files finds nothing wrong with what is printed for sixty lines. */
static void import_crontab_of_an_office_passes_its_check(void **state) {
    (void)state;
    const char *output;
    ini_write(&file, "x");
    if (shell(&output, "headgate import crontab %s/tests/integration/office.crontab --zone Europe/Berlin >%s", getenv("HEADGATE_SOURCE_ROOT"), file.ini))
        fail_msg("%s", output);
    assert_non_null(strstr(output, "58 tasks; not carried over: 2,"));
    tells(0, "check t.ini", "t.ini: 58 tasks in 1 pool, nothing wrong\n");
    tells(0, "check t.ini", "task digest: 18:00 on weekdays, America/New_York: next ");
    tells(0, "check t.ini", "task sa-learn: every 20 minutes, America/New_York: next ");
}

/* None of these tasks takes a token, so that no server needs to be there. */
static void import_crontab_tasks_do_what_cron_did(void **state) {
    (void)state;
    const char *output;
    char folder[160], crontab[1000], said[400];
    ini_write(&file, "x");
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(file.ini, '/') - file.ini), file.ini);
    snprintf(crontab, sizeof crontab,
             "HOME=%s\nX=\"a  b\"\n"
             "@daily pwd >said; printf '[\\%%s]' \"$X\" a\\;b 'c ;d' \"it's\" $(echo \\%%\\%%) >>said ; echo >>said # done\n"
             "@weekly cat >>said%%one%%it's ;two%%\n",
             folder);
    write_beside("crontab", crontab);
    if (shell(&output, "cd %s && headgate import crontab crontab | sed 's|^size|conninfo = host=/nowhere\\nsize|' >t.ini && headgate run t.ini --once pwd && headgate run t.ini --once said",
              folder))
        fail_msg("%s", output);
    snprintf(said, sizeof said, "%s\n[a  b][a;b][c ;d][it's][%%%%]\none\nit's ;two\n", folder);
    shell(&output, "cat %s/said", folder);
    assert_string_equal(output, said);
}

/* --- pg_cron --- */

/* The table as the documentation of pg_cron 1.6 has it: no extension is needed to read it. */
#define CRON_JOB                                                                                                       \
    "CREATE SCHEMA IF NOT EXISTS cron; CREATE TABLE cron.job (jobid bigint PRIMARY KEY, schedule text NOT NULL,"        \
    " command text NOT NULL, nodename text NOT NULL DEFAULT 'localhost', nodeport int NOT NULL DEFAULT 5432,"          \
    " database text NOT NULL DEFAULT 'postgres', username text NOT NULL DEFAULT current_user,"                         \
    " active bool NOT NULL DEFAULT true, jobname text)"

static void make_jobs(const char *rows) {
    query(conninfo, "SET client_min_messages = error; DROP SCHEMA IF EXISTS cron CASCADE");
    query(conninfo, CRON_JOB);
    query(conninfo, rows);
}

static int drop_jobs(void **state) {
    query(conninfo, "SET client_min_messages = error; DROP SCHEMA IF EXISTS cron CASCADE; DROP TABLE IF EXISTS got, want");
    return tidy(state);
}

static void import_pg_cron_is_a_task_each(void **state) {
    (void)state;
    make_jobs("INSERT INTO cron.job VALUES"
              " (1, '30 3 * * 6', 'DELETE FROM event WHERE at < now()', 'localhost', 5432, 'app', 'alice', true, NULL),"
              " (2, '0 10 * * *', 'VACUUM', '', 5432, 'app', 'alice', false, 'nightly vacuum'),"
              " (3, '10 seconds', 'SELECT 1;', '/tmp', 5432, 'app', 'bob', true, 'beat'),"
              " (4, '0 0 $ * *', 'CALL close_month()', 'far.example.com', 5433, 'my db', 'alice', true, 'month'),"
              " (5, '@reboot', 'SELECT warm()', 'localhost', 5432, 'app', 'alice', true, 'warm'),"
              " (6, '@hourly', 'SELECT \"a ;b\"', 'localhost', 5432, 'app', 'alice', true, 'odd')");
    ini_write(&file, "x");
    char arguments[700];
    snprintf(arguments, sizeof arguments, "import pg_cron '%s application_name=x' 2>&1", conninfo);
    static const char *const pieces[] = {
        "cron.job: 4 tasks; not carried over: 2",
        "[pool app]\nconninfo = host=", " application_name=x dbname=app user=alice\nsize = 4\n\n[pool app-bob]\nconninfo = host=",
        "[pool my-db]\nconninfo = host=far.example.com port=5433 application_name=x dbname='my db' user=alice\n",
        "# Job 1, which pg_cron ran as alice.\n[task job-1]\ncron = 30 3 * * 6\nsql = DELETE FROM event WHERE at < now()\noverlap = queue\npool = app\n\n",
        "[task nightly-vacuum]\ncron = 0 10 * * *\nsql = VACUUM\noverlap = queue\npool = app\ntransaction = off\nenabled = off\n",
        "[task beat]\nevery = 10s\nsql = SELECT 1;\noverlap = queue\npool = app-bob\n",
        "[task month]\ncron = 0 0 L * *\nsql = CALL close_month()\noverlap = queue\npool = my-db\ntransaction = off\n",
        "# NOT CARRIED OVER, job 5 of alice in app: no clock says when the machine starts",
        "#     @reboot\n#     SELECT warm()\n",
        "# NOT CARRIED OVER, job 6 of alice in app: its command cannot be written in lines of this file",
    };
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        tells(0, arguments, pieces[i]);
}

/* What stands in a literal is what the server gets, however the lines of the file lie. */
static void import_pg_cron_jobs_say_what_they_said(void **state) {
    (void)state;
    static const char *const literals[] = {
        "'it''s ; so'",
        "E'a\\'b ;\\\\ c\\n;\\x41\\u00e4 ;'",
        "$$x ;\n  y\t; 'z' \\ \n$$",
        "$q$[task evil]\nsql = $$DROP$$\n# x\n;\n$q$",
        "'a\r\n\t \n\f\v\\'",
        "U&'\\0041 \\+000042'",
        "repeat('ab ', 3) || '\xc3\xa4\xe2\x82\xac'",
        "'0123456789012345678901234567890123456789 012345678901234567890123456789012345678901234567890123456789''01234567890123456789012345678901234567890123456789 "
        "0123456789012345678901234567890123456789012345678901234567890123456789;\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac'",
        "'{\"a\": [1, 2]}'::jsonb #>> '{a,1}' -- a ;comment\n || 'x' /* and\n ; one */ || 'y'\n;",
    };
    const char *output;
    const int count = sizeof literals / sizeof *literals;
    make_jobs("CREATE TABLE want (id int, v text); CREATE TABLE got (id int, v text)");
    for (int i = 0; i < count; i++) {
        char job[3000];
        snprintf(job, sizeof job,
                 "INSERT INTO want SELECT %d, %s", i, literals[i]);
        query(conninfo, job);
        snprintf(job, sizeof job,
                 "INSERT INTO cron.job (jobid, schedule, command) VALUES (%d, '@daily', $outer$INSERT INTO got SELECT %d, %s$outer$)", i, i, literals[i]);
        query(conninfo, job);
    }
    ini_write(&file, "x");
    if (shell(&output, "headgate import pg_cron '%s' >%s && headgate check %s", conninfo, file.ini, file.ini))
        fail_msg("%s", output);
    for (int i = 0; i < count; i++)
        if (shell(&output, "headgate run %s --once job-%d", file.ini, i))
            fail_msg("%s: %s", literals[i], output);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM got JOIN want USING (id, v)"), count);
}

/* Each instant of two years, by a second implementation of cron; without that, by what check says of it. */
static void import_pg_cron_is_due_when_it_was(void **state) {
    (void)state;
    static const char *const schedules[] = {"30 2 * * *", "*/5 1-3 * * *", "0 0 1 * 1", "0 3 */2 * sun", "15 10,22 1-7 * *", "0 6 * * mon-fri",
                                            "5-59/20 * * * 0,6", "0 12 29 2 *", "@weekly", "0 0 L 2,6 *", "10 0 31 * 5", "0 */6 * * *"};
    const char *output;
    char jobs[1200] = "", row[300];
    make_jobs("SELECT 1");
    for (size_t i = 0; i < sizeof schedules / sizeof *schedules; i++) {
        /* what cron calls L is $ to pg_cron */
        snprintf(row, sizeof row, "INSERT INTO cron.job (jobid, schedule, command, jobname) VALUES (%zu, replace('%s', 'L', '$'), 'SELECT 1', 'j%zu')", i,
                 schedules[i], i);
        query(conninfo, row);
        snprintf(jobs + strlen(jobs), sizeof jobs - strlen(jobs), "j%zu\tEurope/Berlin\t%s\n", i, schedules[i]);
    }
    ini_write(&file, "x");
    write_beside("jobs", jobs);
    query(conninfo, "ALTER DATABASE postgres SET cron.timezone = 'Europe/Berlin'");
    int code = shell(&output, "headgate import pg_cron '%s' >%s && cd $(dirname %s) && %s/tests/calendar/imported \"$HEADGATE\" jobs t.ini jobs",
                     conninfo, file.ini, file.ini, getenv("HEADGATE_SOURCE_ROOT"));
    query(conninfo, "ALTER DATABASE postgres RESET cron.timezone");
    if (code != 0 && code != 77) /* croniter is not installed */
        fail_msg("%s", output);
    if (code == 0)
        assert_non_null(strstr(output, "12 tasks, "));
}

static void import_pg_cron_goes_by_its_time_zone(void **state) {
    (void)state;
    const char *output;
    make_jobs("INSERT INTO cron.job VALUES (1, '30 6 * * mon-fri', 'SELECT 1')");
    ini_write(&file, "x");
    query(conninfo, "ALTER DATABASE postgres SET cron.timezone = 'Europe/Berlin'");
    if (shell(&output, "headgate import pg_cron '%s' >%s && headgate check %s", conninfo, file.ini, file.ini))
        fail_msg("%s", output);
    assert_non_null(strstr(output, "task job-1: 06:30 on weekdays, Europe/Berlin: next "));
    query(conninfo, "ALTER DATABASE postgres SET cron.timezone = 'Europe/Nowhere'");
    assert_int_equal(shell(&output, "headgate import pg_cron '%s'", conninfo), 1);
    assert_non_null(strstr(output, "cron.timezone is 'Europe/Nowhere', and this machine has no such time zone"));
    query(conninfo, "ALTER DATABASE postgres RESET cron.timezone");
}

static void import_pg_cron_never_prints_a_password(void **state) {
    (void)state;
    const char *output;
    make_jobs("INSERT INTO cron.job VALUES (1, '@daily', 'SELECT 1')");
    ini_write(&file, "x");
    assert_int_equal(shell(&output, "headgate import pg_cron '%s password=secret'", conninfo), 0);
    assert_null(strstr(output, "secret"));
    assert_non_null(strstr(output, "passfile"));
}

static void import_pg_cron_says_what_is_missing(void **state) {
    (void)state;
    char arguments[700];
    ini_write(&file, "x");
    query(conninfo, "SET client_min_messages = error; DROP SCHEMA IF EXISTS cron CASCADE");
    snprintf(arguments, sizeof arguments, "import pg_cron '%s' 2>&1", conninfo);
    tells(1, arguments, "there is no pg_cron in this database; its table is in the one that cron.database_name names");
    make_jobs("SELECT 1");
    tells(1, arguments, "cron.job has no job");
    tells(1, "import pg_cron 'host=/nowhere dbname=x' 2>&1", "/nowhere");
    tells(1, "import pg_cron nonsense 2>&1", "is not key=value pairs or a postgresql:// URI");
    tells(2, "import pg_cron", "which CONNINFO?");
    tells(2, "import pg_cron a b", "one CONNINFO is enough");
}

/* --- pg_timetable --- */

/* The tables as pg_timetable 5 makes them, without what it checks. */
#define TIMETABLE                                                                                                          \
    "CREATE SCHEMA timetable; CREATE TABLE timetable.chain (chain_id bigserial PRIMARY KEY, chain_name text NOT NULL,"     \
    " run_at text, max_instances int, timeout int DEFAULT 0, live bool DEFAULT false, self_destruct bool DEFAULT false,"   \
    " exclusive_execution bool DEFAULT false, client_name text, on_error text);"                                           \
    "CREATE TYPE timetable.command_kind AS ENUM ('SQL', 'PROGRAM', 'BUILTIN');"                                            \
    "CREATE TABLE timetable.task (task_id bigserial PRIMARY KEY, chain_id bigint, task_order float8 NOT NULL DEFAULT 10,"  \
    " task_name text, kind timetable.command_kind NOT NULL DEFAULT 'SQL', command text NOT NULL, run_as text,"             \
    " database_connection text, ignore_error bool NOT NULL DEFAULT false, autonomous bool NOT NULL DEFAULT false,"         \
    " timeout int DEFAULT 0);"                                                                                             \
    "CREATE TABLE timetable.parameter (task_id bigint, order_id int, value jsonb, PRIMARY KEY (task_id, order_id))"

static void make_chains(const char *rows) {
    query(conninfo, "SET client_min_messages = error; DROP SCHEMA IF EXISTS timetable CASCADE");
    query(conninfo, TIMETABLE);
    query(conninfo, rows);
    query(conninfo, "SELECT setval('timetable.chain_chain_id_seq', 100)");
}

static int drop_chains(void **state) {
    query(conninfo, "SET client_min_messages = error; DROP SCHEMA IF EXISTS timetable CASCADE; DROP TABLE IF EXISTS got");
    return tidy(state);
}

static void import_pg_timetable_is_a_task_a_chain(void **state) {
    (void)state;
    make_chains("INSERT INTO timetable.chain (chain_id, chain_name, run_at, max_instances, live, timeout, client_name, on_error) VALUES"
                " (1, 'Nightly report', '5/20 3 * * *', 1, true, 60000, NULL, NULL), (2, 'vacuum', '@every 90 minutes', NULL, false, 0, NULL, NULL),"
                " (3, 'loop', '@after 10 seconds', NULL, true, 0, 'w1', 'SELECT alarm()'), (4, 'always', NULL, 1, true, 0, NULL, NULL),"
                " (5, 'program', '0 6 * * 1-5', 1, true, 0, NULL, NULL), (6, 'boot', '@reboot', 1, true, 0, NULL, NULL),"
                " (7, 'mail', '0 6 * * *', 1, true, 0, NULL, NULL), (8, 'both', '0 6 1 * 1', 1, true, 0, NULL, NULL),"
                " (9, 'mixed', '0 6 * * *', 1, true, 0, NULL, NULL), (10, 'none', '0 6 * * *', 1, true, 0, NULL, NULL),"
                " (11, 'far', '0 6 * * *', 1, true, 0, NULL, NULL), (12, 'two', '0 6 * * *', 1, false, 0, NULL, NULL);"
                "INSERT INTO timetable.task (task_id, chain_id, task_order, kind, command, run_as, database_connection, autonomous, timeout) VALUES"
                " (1, 1, 20, 'SQL', 'INSERT INTO report SELECT $1, $2 -- now', 'alice', NULL, false, 0), (2, 1, 10, 'SQL', 'SELECT prepare();', NULL, NULL, false, 0),"
                " (3, 2, 10, 'SQL', 'VACUUM', NULL, NULL, true, 5000), (4, 3, 10, 'SQL', 'SELECT work()', NULL, NULL, false, 0),"
                " (5, 4, 10, 'SQL', 'SELECT 1', NULL, NULL, false, 0), (6, 5, 10, 'PROGRAM', '/usr/bin/rsync', NULL, NULL, false, 0),"
                " (7, 6, 10, 'SQL', 'SELECT warm()', NULL, NULL, false, 0), (8, 7, 10, 'BUILTIN', 'SendMail', NULL, NULL, false, 0),"
                " (9, 8, 10, 'SQL', 'SELECT 1', NULL, NULL, false, 0), (10, 9, 10, 'SQL', 'SELECT 1', NULL, NULL, false, 0),"
                " (11, 9, 20, 'PROGRAM', 'x', NULL, NULL, false, 0), (12, 11, 10, 'SQL', 'SELECT 1', NULL, 'postgres://bob:secret@far/app?sslmode=require', false, 0);"
                "INSERT INTO timetable.task (task_id, chain_id, task_order, command, autonomous, ignore_error) VALUES"
                " (13, 12, 1, 'VACUUM', true, true), (14, 12, 2, 'SELECT 2', false, false);"
                "INSERT INTO timetable.parameter VALUES (1, 1, '[\"it''s\", 2]'), (1, 2, '[null, \"x\"]'), (6, 1, '[\"-a\", \"a b\", \"nas:/x\"]'),"
                " (8, 1, '{\"password\": \"secret\"}')");
    ini_write(&file, "x");
    char arguments[700];
    snprintf(arguments, sizeof arguments, "import pg_timetable '%s' 2>&1", conninfo);
    static const char *const pieces[] = {
        "timetable.chain: 10 tasks; not carried over: 4,",
        "# Chain 1, Nightly report.\n[task Nightly-report]\ncron = 5-59/20 3 * * *\nsql =\n    SELECT prepare();\n    SET LOCAL ROLE \"alice\";\n"
        "    INSERT INTO report SELECT 'it''s', '2';\n    INSERT INTO report SELECT NULL, 'x';\n", /* it may not begin a line */
        "[task vacuum]\nevery = 5400s\nsql = VACUUM;\ntransaction = off\npool = postgres\ntimeout = 5000ms\noverlap = allow\nenabled = off\n",
        "# pg_timetable began it so long after its last run had ended",
        "# NOT CARRIED OVER: only the client w1 ran it.\n# NOT CARRIED OVER: after a failure this was run (on_error):\n#     SELECT alarm()\n[task loop]\nevery = 10s\nsql = SELECT work();\npool = postgres\n\n",
        "[task always]\ncron = * * * * *\n",
        "[task program]\ncron = 0 6 * * 1-5\ncommand = /usr/bin/rsync -a 'a b' nas:/x\ntokens = 0\n",
        "# NOT CARRIED OVER, chain 6, boot: no clock says when the machine starts",
        "# NOT CARRIED OVER, chain 7, mail: SendMail is a work of pg_timetable itself; write a command that does it.\n",
        "# NOT CARRIED OVER, chain 8, both: the day of the month and that of the week have to fit both",
        "[task mixed]\ncron = 0 6 * * *\nsql = SELECT 1;\npool = postgres\n\n"
        "[task mixed-2]\nafter = mixed\ncommand = x\ntokens = 0\npool = postgres\n\n",
        "[task two]\ncron = 0 6 * * *\nsql = VACUUM;\ntransaction = off\npool = postgres\nenabled = off\n\n"
        "[task two-2]\nafter = two\nafter_outcome = any\nsql = SELECT 2;\npool = postgres\nenabled = off\n\n",
        "# NOT CARRIED OVER, chain 10, none: it has no task.\n",
        "[pool remote]\nconninfo = user=bob dbname=app host=far sslmode=require\n",
    };
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        tells(0, arguments, pieces[i]);
    const char *output;
    assert_int_equal(shell(&output, "headgate import pg_timetable '%s' >%s && headgate check %s && ! grep secret %s", conninfo, file.ini, file.ini, file.ini), 0);
}

static void import_pg_timetable_chains_do_what_they_did(void **state) {
    (void)state;
    const char *output;
    make_chains("CREATE TABLE got (v text);"
                "INSERT INTO timetable.chain (chain_id, chain_name, run_at, live) VALUES (1, 'chain', '@daily', true), (2, 'every', '@every 1 day', true);"
                "UPDATE timetable.chain SET run_at = '0 0 * * *' WHERE chain_id = 1;"
                "INSERT INTO timetable.task (task_id, chain_id, task_order, command, run_as) VALUES"
                " (1, 1, 1, 'INSERT INTO got SELECT current_user || $1 || $2', 'pg_database_owner'), (2, 1, 2, 'INSERT INTO got SELECT session_user = current_user', NULL),"
                " (3, 2, 1, 'INSERT INTO got VALUES (''every'')', NULL);"
                "INSERT INTO timetable.parameter VALUES (1, 1, '[\" it''s ;\", 1]'), (1, 2, '[\"\\n\\\\\", true]');"
                "GRANT INSERT ON got TO pg_database_owner");
    ini_write(&file, "x");
    if (shell(&output, "headgate import pg_timetable '%s' >%s && headgate run %s --once chain && headgate run %s --once every", conninfo, file.ini, file.ini, file.ini))
        fail_msg("%s", output);
    assert_int_equal(query_number(conninfo, "SELECT count(*) FROM got WHERE v IN ('pg_database_owner it''s ;1', E'pg_database_owner\\n\\\\true', 'true', 'every')"), 4);
}

static void import_pg_timetable_says_what_is_missing(void **state) {
    (void)state;
    char arguments[700];
    ini_write(&file, "x");
    query(conninfo, "SET client_min_messages = error; DROP SCHEMA IF EXISTS timetable CASCADE");
    snprintf(arguments, sizeof arguments, "import pg_timetable '%s' 2>&1", conninfo);
    tells(1, arguments, "there is no pg_timetable of version 4 or later in this database");
    make_chains("SELECT 1");
    tells(1, arguments, "timetable.chain has no job");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(import_crontab_is_seen_for_what_it_is, tidy),
        cmocka_unit_test_teardown(import_crontab_of_an_office_passes_its_check, tidy),
        cmocka_unit_test_teardown(import_crontab_tasks_do_what_cron_did, tidy),
        cmocka_unit_test_teardown(import_pg_cron_is_a_task_each, drop_jobs),
        cmocka_unit_test_teardown(import_pg_cron_jobs_say_what_they_said, drop_jobs),
        cmocka_unit_test_teardown(import_pg_cron_is_due_when_it_was, drop_jobs),
        cmocka_unit_test_teardown(import_pg_cron_goes_by_its_time_zone, drop_jobs),
        cmocka_unit_test_teardown(import_pg_cron_never_prints_a_password, drop_jobs),
        cmocka_unit_test_teardown(import_pg_cron_says_what_is_missing, drop_jobs),
        cmocka_unit_test_teardown(import_pg_timetable_is_a_task_a_chain, drop_chains),
        cmocka_unit_test_teardown(import_pg_timetable_chains_do_what_they_did, drop_chains),
        cmocka_unit_test_teardown(import_pg_timetable_says_what_is_missing, drop_chains),
    };
    return run_all(tests, start, stop);
}
