/*
 * Who can make the pool's role run what: twins of all that pg_catalog has, wherever a name could find them, and
 * a schema headgate that is somebody else's.
 */
#include "one_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char admin[600];

/* What the tests ask calls no twin either. */
static int set_up(void **state) {
    (void)state;
    server_start(&server, "max_connections=30");
    snprintf(admin, sizeof admin, "%s options='-c search_path=pg_catalog'", server.conninfo);
    query(admin, "CREATE ROLE jobs LOGIN; GRANT pg_monitor TO jobs; GRANT CREATE ON DATABASE postgres TO jobs;"
                 "CREATE ROLE mallory LOGIN; GRANT CREATE ON DATABASE postgres TO mallory; CREATE ROLE owner LOGIN;"
                 "ALTER DATABASE postgres OWNER TO owner; CREATE ROLE team LOGIN; GRANT team TO jobs;"
                 "GRANT CREATE ON DATABASE postgres TO team; CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO PUBLIC; CREATE TABLE app.done (what text);"
                 "GRANT INSERT ON app.done TO jobs");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    server_destroy(&server);
    return 0;
}

static int plant_twins(void **state) {
    (void)state;
    const char *output;
    if (shell(&output, "psql '%s' -Xq -v ON_ERROR_STOP=1 -f %s/tests/integration/twins.sql", server.conninfo,
              getenv("HEADGATE_SOURCE_ROOT")))
        fail_msg("%s", output);
    return 0;
}

static void prints(int code, const char *arguments, const struct process *file, const char *piece) {
    const char *output;
    char command[64];
    snprintf(command, sizeof command, "%.*s", (int)strcspn(arguments, " "), arguments);
    int got = shell(&output, "headgate %s %s %s", command, file->ini, arguments + strlen(command));
    if (got != code || !strstr(output, piece))
        fail_msg("%s: exit %d, wanted %d and: %s\n%s", arguments, got, code, piece, output);
}

/* --- names --- */

static const char all_kinds[] =
    "[pool p]\nconninfo = %s user=jobs\nhistory = on\nsample = 50ms\nping = 50ms\nidle = 200ms\n"
    "[task sql]\nevery = 50ms\nsql = INSERT INTO app.done VALUES ('sql')\n"
    "[task off]\nevery = 100ms\ntransaction = off\nsql = INSERT INTO app.done VALUES ('off')\n"
    "[task several]\nevery = 100ms\nsql = INSERT INTO app.done VALUES ('a'); INSERT INTO app.done VALUES ('b')\n"
    "[task command]\nevery = 200ms\ncommand = /bin/true\n"
    "[task staged]\nevery = 200ms\nread = SELECT 'x' AS x\nwork = /bin/cat\nwrite = INSERT INTO app.done VALUES ($1)\n"
    "[task clean]\nevery = 50ms\nsession = clean\nsql = INSERT INTO app.done VALUES ('clean')\n"
    "[task leaves]\nevery = 100ms\nsession = clean\nsql = CREATE TEMP TABLE IF NOT EXISTS pg_class (oid int)\n"
    "[task path]\nevery = 200ms\nsql = SELECT only_here()\n"
    "[task fails]\nevery = 200ms\nhold_after = 0\nsql = SELECT nowhere\n"
    "[task ends]\nevery = 200ms\nhold_after = 0\nsql = SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())\n"
    "[task byhand]\nevery = 1d\ncatch_up = skip\nsql = SELECT 1\n"
    "[task long]\nevery = 100ms..400ms\noverlap = queue\nsql = SELECT pg_catalog.pg_sleep(0.2)\n";

static bool all_are_ok(const struct process *process, long more) {
    static const char *const names[] = {"sql", "off", "several", "command", "staged", "clean", "path", "long"};
    static long before[sizeof names / sizeof *names];
    bool all = true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        long ok = task_number(process, names[i], "ok");
        if (more == 0)
            before[i] = ok;
        all &= ok >= before[i] + more;
    }
    return all;
}

/* All that the daemon does, and what is asked beside it. */
static void live(struct process *process) {
    daemon_start(process);
    all_are_ok(process, 0);
    WAIT_UNTIL(process, all_are_ok(process, 3));
    prints(0, "check --connect", process, "  history      step");
    prints(0, "check --connect", process, "usable");
    prints(0, "history", process, "staged");
    prints(0, "history sql --since 1h --failed", process, "pool p");
    prints(0, "trigger byhand", process, "run ");
    kill(process->pid, SIGHUP);
    WAIT_UNTIL(process, daemon_log_count(process, "event=reloaded") > 0);
    all_are_ok(process, 0);
    WAIT_UNTIL(process, all_are_ok(process, 3));
    daemon_kill(process);
    daemon_start(process);
    all_are_ok(process, 0);
    WAIT_UNTIL(process, all_are_ok(process, 3));
    WAIT_UNTIL(process, task_number(process, "fails", "failed") > 0);
    assert_int_equal(daemon_end(process, SIGTERM), 0);
    assert_int_equal(daemon_log_count(process, "history_broken"), 0);
    assert_int_equal(daemon_log_count(process, "sample_failed"), 0);
    assert_true(daemon_log_count(process, "temporary table pg_class") > 0); /* it was looked for what is left */
    assert_true(daemon_log_count(process, "nowhere") > 0);
}

/* Each function as it is called by somebody with such a path. */
static void call_functions(void) {
    char role_conninfo[600];
    snprintf(role_conninfo, sizeof role_conninfo, "%s user=jobs", server.conninfo);
#define RECORD(due, outcome)                                                                                           \
    "{\"service\":\"s\",\"task\":\"t\",\"due\":\"2026-01-01T00:00:0" #due "Z\",\"due_until\":\"2026-01-01T00:00:09Z\",\"every_us\":"     \
    "1000000,\"occurrences\":2,\"outcome\":\"" outcome "\",\"daemon\":\"d\",\"transactional\":true}"
    query(role_conninfo, "SELECT headgate.start('s', 't', '2026-01-01 00:00:01Z', '2026-01-01 00:00:03Z', 1000000, 3,"
                    " '2026-01-01 00:00:01Z', 0, 1, 1, 'running', 'd')");
    query(role_conninfo, "SELECT headgate.record('[" RECORD(1, "ok") "," RECORD(2, "unknown") "," RECORD(5, "unknown") "]')");
    query(role_conninfo, "SELECT headgate.record('[" RECORD(8, "released") "]')");
    query(role_conninfo, "SELECT headgate.steps('2026-01-01 00:00:01Z', '2026-01-01 00:00:03Z', 1000000)");
    query(role_conninfo, "SELECT headgate.horizon('2026-01-01 00:00:01Z', 1000000)");
    query(role_conninfo, "SELECT headgate.prune('1 day', 10, 10)");
}

/* Nor is a twin chosen, and then refused. */
static void assert_no_twin_was_met(void) {
    const char *output;
    shell(&output, "grep -aE 'twin called|not exist|aggregate|not unique|ambiguous' %s/server.log"
                   " | grep -av -e nowhere -e STATEMENT -e CONTEXT | head -n 20",
          server.directory);
    assert_string_equal(output, "");
}

static void names_are_found_in_pg_catalog(void **state, const char *path) {
    (void)state;
    struct process process;
    char sql[200];
    snprintf(sql, sizeof sql, "SET client_min_messages = error; DROP SCHEMA IF EXISTS headgate CASCADE; ALTER ROLE jobs SET search_path = %s", path);
    query(admin, sql);
    ini_write(&process, all_kinds, server.conninfo);
    live(&process);
    call_functions();
    assert_no_twin_was_met();
}

/* Named behind it, pg_catalog is not looked in first. */
static void names_are_not_looked_up_in_front_of_pg_catalog(void **state) {
    names_are_found_in_pg_catalog(state, "evil, pg_catalog, public");
}

static void names_are_not_looked_up_where_the_role_may_look(void **state) {
    names_are_found_in_pg_catalog(state, "\"$user\", public");
}

static void twins_are_caught(void **state) {
    (void)state;
    char twin_conninfo[700];
    static const char *const calls[] = {"SELECT now()", "SELECT 1 = 2", "SELECT 'a' || 'b'", "SELECT 'a'::text",
                                        "SELECT relname FROM pg_class LIMIT 1", "SELECT 'a' LIKE 'b'"};
    snprintf(twin_conninfo, sizeof twin_conninfo, "%s options='-c search_path=evil,pg_catalog'", server.conninfo);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        long before = server_log_count(&server, "twin called");
        query(twin_conninfo, calls[i]);
        if (server_log_count(&server, "twin called") == before)
            fail_msg("nothing was caught of: %s", calls[i]);
    }
    snprintf(twin_conninfo, sizeof twin_conninfo, "%s options='-c search_path=public'", server.conninfo);
    long before = server_log_count(&server, "LOG:  twin called: public.");
    query(twin_conninfo, "SELECT * FROM pg_stat_get_activity(NULL)");
    assert_int_equal(server_log_count(&server, "LOG:  twin called: public."), before + 1);
}

/* Without one a function's names are its caller's. The five that have none name all in full, or name nothing. */
static void functions_have_a_path_of_their_own(void **state) {
    (void)state;
    assert_int_equal(query_number(admin, "SELECT count(*) FROM pg_proc WHERE pronamespace = 'headgate'::regnamespace AND"
                                         " proname NOT IN ('steps', 'horizon', 'instant', 'start_one', 'claim_one') AND NOT coalesce("
                                         "'search_path=pg_catalog, pg_temp' = ANY (proconfig), false)"),
                     0);
}

/* --- the schema --- */

static const char one_task[] = "[pool p]\nconninfo = %s user=jobs\nhistory = on\n"
                               "[task sql]\nevery = 100ms\nsql = INSERT INTO app.done VALUES ('sql')\n";

#define TRAP " LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'twin called: in the schema'; END $$;"
#define SQUATTED                                                                                                       \
    "SET ROLE mallory; CREATE SCHEMA headgate; GRANT ALL ON SCHEMA headgate TO PUBLIC;"                                \
    "CREATE FUNCTION headgate.trap() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'twin called: in the schema';" \
    " RETURN 9; END $$; CREATE VIEW headgate.version AS SELECT headgate.trap() AS version;"                            \
    "CREATE VIEW headgate.history AS SELECT headgate.trap() AS task, '' AS service; CREATE TABLE headgate.run (x int);"               \
    "GRANT ALL ON ALL TABLES IN SCHEMA headgate TO PUBLIC;"                                                            \
    "CREATE FUNCTION headgate.record(jsonb) RETURNS void" TRAP                                                         \
    "CREATE FUNCTION headgate.restore(text, text, jsonb) RETURNS void" TRAP "RESET ROLE;"

static const struct {
    const char *made; /* in a schema of the pool's role, or instead of one */
    bool instead;
    const char *fault, *cure;
} faults[] = {
    {SQUATTED, true, "the schema headgate belongs to mallory, who could have anything run as jobs", "DROP SCHEMA headgate CASCADE;"},
    {SQUATTED "DO $$ BEGIN SET ROLE mallory; GRANT mallory TO jobs; EXCEPTION WHEN OTHERS THEN END $$; RESET ROLE;", true,
     "the schema headgate belongs to mallory", "DROP SCHEMA headgate CASCADE;"},
    {"GRANT CREATE ON SCHEMA headgate TO PUBLIC", false, "PUBLIC may make things in the schema headgate",
     "REVOKE CREATE ON SCHEMA headgate FROM PUBLIC;"},
    {"GRANT CREATE ON SCHEMA headgate TO mallory", false, "mallory may make things in the schema headgate",
     "REVOKE CREATE ON SCHEMA headgate FROM mallory;"},
    {"ALTER FUNCTION headgate.prune OWNER TO mallory", false, "the function headgate.prune(interval,bigint,integer) belongs to mallory",
     "ALTER FUNCTION headgate.prune(interval,bigint,integer) OWNER TO jobs;"},
    {"ALTER TABLE headgate.run OWNER TO mallory", false, "the table headgate.run belongs to mallory",
     "ALTER TABLE headgate.run OWNER TO jobs;"},
    {"ALTER VIEW headgate.history OWNER TO mallory", false, "the view headgate.history belongs to mallory",
     "ALTER VIEW headgate.history OWNER TO jobs;"},
    {"GRANT TRIGGER ON headgate.run TO mallory", false, "mallory may make a TRIGGER on headgate.run",
     "REVOKE TRIGGER ON TABLE headgate.run FROM mallory;"},
    {"GRANT REFERENCES ON headgate.task TO PUBLIC", false, "PUBLIC may make a REFERENCES on headgate.task",
     "REVOKE REFERENCES ON TABLE headgate.task FROM PUBLIC;"},
    {"CREATE FUNCTION app.noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'twin called: trigger'; RETURN new; END $$;"
     "ALTER FUNCTION app.noted() OWNER TO mallory; CREATE TRIGGER noted BEFORE INSERT ON headgate.run FOR EACH ROW"
     " EXECUTE FUNCTION app.noted()",
     false, "the trigger noted on headgate.run runs what belongs to mallory as jobs", "DROP TRIGGER noted ON headgate.run;"},
};

static int no_schema(void **state) {
    (void)state;
    query(admin, "SET client_min_messages = error; DROP SCHEMA IF EXISTS headgate CASCADE; DROP FUNCTION IF EXISTS app.noted();"
                 "ALTER ROLE jobs RESET search_path; REVOKE mallory FROM jobs");
    return 0;
}

static void make_schema_as(const char *user) {
    const char *output;
    if (shell(&output, "cat %s/etc/history/*.sql | psql '%s user=%s' -Xq --single-transaction -v ON_ERROR_STOP=1 -f -",
              getenv("HEADGATE_SOURCE_ROOT"), server.conninfo, user))
        fail_msg("%s", output);
}

static void is_refused_until_cured(const struct process *file, size_t i) {
    struct process process = *file;
    daemon_start(&process);
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=history_broken") > 0 && task_number(&process, "sql", "ok") >= 3);
    assert_int_equal(daemon_log_count(&process, faults[i].fault), 1);
    assert_int_equal(daemon_log_count(&process, faults[i].cure), 1);
    prints(0, "status", &process, "history     runs are not recorded for");
    query(admin, faults[i].cure);
    WAIT_UNTIL(&process, daemon_log_count(&process, "event=history_back") > 0);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
}

static void schema_of_others_is_refused(void **state) {
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct process process;
        no_schema(state);
        if (!faults[i].instead)
            make_schema_as("jobs");
        query(admin, faults[i].made);
        ini_write(&process, one_task, server.conninfo);
        prints(1, "check --connect", &process, faults[i].fault);
        prints(1, "check --connect", &process, faults[i].cure);
        prints(1, "history", &process, faults[i].fault);
        if (i < 3 || i + 1 == sizeof faults / sizeof *faults) /* it is tried again after ten seconds */
            is_refused_until_cured(&process, i);
        assert_int_equal(server_log_count(&server, "twin called"), 0);
        tidy(state);
    }
}

/* By the database's owner, by a role that the pool's is a member of, and by a superuser. */
static void schema_made_for_the_role_is_taken(void **state) {
    static const char *const makers[] = {"owner", "team", "postgres"};
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        struct process process;
        no_schema(state);
        make_schema_as(makers[i]);
        query(admin, "REVOKE CREATE ON DATABASE postgres FROM jobs; GRANT USAGE ON SCHEMA headgate TO jobs;"
                     "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA headgate TO jobs");
        ini_write(&process, one_task, server.conninfo);
        prints(0, "check --connect", &process, "  history      step");
        daemon_start(&process);
        WAIT_UNTIL(&process, task_number(&process, "sql", "ok") >= 3);
        assert_int_equal(daemon_end(&process, SIGTERM), 0);
        assert_int_equal(daemon_log_count(&process, "history_broken"), 0);
        prints(0, "history", &process, "sql");
        tidy(state);
    }
    query(admin, "GRANT CREATE ON DATABASE postgres TO jobs");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(schema_of_others_is_refused, no_schema, tidy),
        cmocka_unit_test_setup_teardown(schema_made_for_the_role_is_taken, no_schema, tidy),
        cmocka_unit_test_setup_teardown(names_are_not_looked_up_in_front_of_pg_catalog, plant_twins, tidy),
        cmocka_unit_test_teardown(names_are_not_looked_up_where_the_role_may_look, tidy),
        cmocka_unit_test(functions_have_a_path_of_their_own),
        cmocka_unit_test(twins_are_caught),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
