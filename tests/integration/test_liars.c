/*
 * A server may be none, or one that lies. For each lie of the table a pool of its own has such a server: the daemon, `check`,
 * `history` and `status` survive it, say a right reason, keep bounded memory, and the pool beside them goes on.
 */
#include "harness.h"
#include "liar.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/text.h"

#define HOSTILE "\x1b[31m\nforged\r\302\233\342\200\256\377\x7f"

/* Of rows and notices without end, that come while a run is under way, nothing is said: they are dropped one by one, as an
 * honest server's are. */
/* clang-format off */
static const struct lie lies[] = {
    {"http", WHEN_STARTUP, {BYTES("HTTP/1.1 400 Bad Request\r\n\r\n")}, THEN_CLOSE, "event=connect_failed"},
    {"hangs_up", WHEN_STARTUP, {BYTES("")}, THEN_CLOSE, "event=connect_failed"},
    {"silent_login", WHEN_STARTUP, {BYTES("")}, THEN_SILENCE, "event=connect_failed"},
    {"error_of_nothing", WHEN_STARTUP, {MESSAGE('E', "\0")}, THEN_CLOSE, "event=connect_failed"},
    {"error_hostile", WHEN_STARTUP, {MESSAGE('E', "S" "FATAL" "\0V" "FATAL" "\0C28000\0M" "\x1b[31m\nforged\r\302\233\342\200\256\377\x7f" "\0\0")}, THEN_CLOSE, "event=connect_failed"},
    {"error_unknown_fields", WHEN_STARTUP, {MESSAGE('E', "zzz\0yyy\0\xff\xff\0\0")}, THEN_CLOSE, "event=connect_failed"},
    {"error_unended", WHEN_STARTUP, {MESSAGE('E', "SFATAL\0Mno end")}, THEN_CLOSE, "event=connect_failed"},
    {"full", WHEN_STARTUP, {MESSAGE('E', "S" "FATAL" "\0V" "FATAL" "\0C53300\0M" "none left" "\0\0")}, THEN_CLOSE, "sqlstate=53300"},
    {"auth_unknown", WHEN_STARTUP, {MESSAGE('R', "\0\0\0\143")}, THEN_SILENCE, "event=connect_failed"},
    {"auth_empty", WHEN_STARTUP, {MESSAGE('R', "")}, THEN_SILENCE, "event=connect_failed"},
    {"auth_short", WHEN_STARTUP, {MESSAGE('R', "\0\0")}, THEN_SILENCE, "event=connect_failed"},
    {"auth_no_mechanism", WHEN_STARTUP, {MESSAGE('R', "\0\0\0\12\0")}, THEN_SILENCE, "event=connect_failed"},
    {"auth_bad_mechanism", WHEN_STARTUP, {MESSAGE('R', "\0\0\0\12NONSENSE\0\0")}, THEN_SILENCE, "event=connect_failed"},
    {"auth_md5", WHEN_STARTUP, {MESSAGE('R', "\0\0\0\5salt")}, THEN_SILENCE, "event=connect_failed"},
    {"auth_huge", WHEN_STARTUP, {CLAIMS('R', "\0\0\0\0", 0x40000000)}, THEN_SILENCE, "event=connect_failed"},
    {"auth_negative", WHEN_STARTUP, {CLAIMS('R', "\0\0\0\0", 0x80000000)}, THEN_SILENCE, "event=connect_failed"},
    {"error_huge", WHEN_STARTUP, {CLAIMS('E', "SFATAL\0", 0x3fffffff)}, THEN_SILENCE, "event=connect_failed"},
    {"negotiates", WHEN_STARTUP, {MESSAGE('v', "\0\0\0\0\0\0\0\1_pq_.x\0")}, THEN_SILENCE, "event=connect_failed"},
    {"ready_too_early", WHEN_STARTUP, {READY}, THEN_SILENCE, "event=connect_failed"},
    {"rows_at_login", WHEN_STARTUP, {MESSAGE('R', "\0\0\0\0"), MESSAGE('T', "\0\0"), READY}, THEN_SILENCE, NULL},
    {"copy_at_login", WHEN_STARTUP, {MESSAGE('R', "\0\0\0\0"), MESSAGE('G', "\0\0\0")}, THEN_SILENCE, "event=connect_failed"},
    {"ready_in_no_state", WHEN_STARTUP, {MESSAGE('R', "\0\0\0\0"), MESSAGE('Z', "X")}, THEN_SILENCE, NULL},
    {"no_key", WHEN_STARTUP, {MESSAGE('R', "\0\0\0\0"), READY}, THEN_GO_ON, NULL},
    {"key_short", WHEN_STARTUP, {MESSAGE('R', "\0\0\0\0"), MESSAGE('K', "\0\0"), READY}, THEN_SILENCE, "event=connect_failed"},
    {"pid_zero", WHEN_LOGIN, {MESSAGE('K', "\0\0\0\0\0\0\0\0")}, THEN_GO_ON, NULL},
    {"pid_negative", WHEN_LOGIN, {MESSAGE('K', "\377\377\377\377\0\0\0\0")}, THEN_GO_ON, NULL},
    {"version_nonsense", WHEN_LOGIN, {MESSAGE('S', "server_version\0\x1b[31mnonsense\0")}, THEN_GO_ON, NULL},
    {"encoding_nonsense", WHEN_LOGIN, {MESSAGE('S', "client_encoding\0nonsense\0")}, THEN_GO_ON, NULL},
    {"parameters_login", WHEN_LOGIN, {MESSAGE('S', NUMBERED)}, THEN_AGAIN, "event=connect_failed"},
    {"notices_login", WHEN_LOGIN, {MESSAGE('N', "SNOTICE\0C00000\0Mword\0\0")}, THEN_AGAIN, "event=connect_failed"},
    {"notifies_login", WHEN_LOGIN, {MESSAGE('A', "\0\0\0\1channel\0payload\0")}, THEN_AGAIN, "event=connect_failed"},
    {"ssl_yes", WHEN_SSL, {BYTES("S"), BYTES("garbage that is no handshake of anybody")}, THEN_SILENCE, NULL},
    {"ssl_what", WHEN_SSL, {BYTES("?")}, THEN_SILENCE, NULL},
    {"ssl_error", WHEN_SSL, {MESSAGE('E', "S" "FATAL" "\0V" "FATAL" "\0CXX000\0M" "\x1b[31m\nforged\r\302\233\342\200\256\377\x7f" "\0\0")}, THEN_CLOSE, NULL},
    {"ssl_stuffed", WHEN_SSL, {BYTES("N"), MESSAGE('E', "S" "FATAL" "\0V" "FATAL" "\0CXX000\0M" "too early" "\0\0")}, THEN_GO_ON, NULL},
    {"facts_fewer", WHEN_FACTS, {COLUMNS(3), ROW("100|3|0"), TAG("SELECT 1")}, THEN_GO_ON, "event=sample_failed"},
    {"facts_more", WHEN_FACTS, {COLUMNS(11), ROW("100|3|0|f|f|-1|-1|f|~|1700000000|x"), TAG("SELECT 1")}, THEN_GO_ON, "event=sample_failed"},
    {"facts_no_columns", WHEN_FACTS, {COLUMNS(0), MESSAGE('D', "\0\0"), TAG("SELECT 1")}, THEN_GO_ON, "event=sample_failed"},
    {"facts_null", WHEN_FACTS, {COLUMNS(10), ROW("~|3|0|f|f|-1|-1|f|~|1700000000"), TAG("SELECT 1")}, THEN_GO_ON, "event=sample_failed"},
    {"facts_words", WHEN_FACTS, {COLUMNS(10), ROW("many|3|0|f|f|-1|-1|f|~|1700000000"), TAG("SELECT 1")}, THEN_GO_ON, "event=sample_failed"},
    {"facts_beyond", WHEN_FACTS, {COLUMNS(10), ROW("9223372036854775807|3|0|f|f|-1|-1|f|~|1700000000"), TAG("SELECT 1")}, THEN_GO_ON, "event=sample_failed"},
    {"facts_negative", WHEN_FACTS, {COLUMNS(10), ROW("-5|3|0|f|f|-1|-1|f|~|1700000000"), TAG("SELECT 1")}, THEN_GO_ON, "event=sample_failed"},
    {"facts_reserved", WHEN_FACTS, {COLUMNS(10), ROW("100|200|0|f|f|-1|-1|f|~|1700000000"), TAG("SELECT 1")}, THEN_GO_ON, "event=sample_failed"},
    {"facts_limit", WHEN_FACTS, {COLUMNS(10), ROW("100|3|0|f|f|99999999999|-1|f|~|1700000000"), TAG("SELECT 1")}, THEN_GO_ON, "event=sample_failed"},
    {"facts_lag", WHEN_FACTS, {COLUMNS(10), ROW("100|3|0|f|f|-1|-1|f|1e308|1700000000"), TAG("SELECT 1")}, THEN_GO_ON, "event=sample_failed"},
    {"facts_clock", WHEN_FACTS, {COLUMNS(10), ROW("100|3|0|f|f|-1|-1|f|~|nan"), TAG("SELECT 1")}, THEN_GO_ON, "event=sample_failed"},
    {"facts_no_rows", WHEN_FACTS, {COLUMNS(10), TAG("SELECT 0")}, THEN_GO_ON, "event=sample_failed"},
    {"facts_two_rows", WHEN_FACTS, {COLUMNS(10), ROW("100|3|0|f|f|-1|-1|f|~|1700000000"), ROW("100|3|0|f|f|-1|-1|f|~|1700000000"), TAG("SELECT 1")}, THEN_GO_ON, "event=sample_failed"},
    {"facts_only_a_tag", WHEN_FACTS, {MESSAGE('C', "SELECT 1\0")}, THEN_GO_ON, "event=sample_failed"},
    {"facts_empty_query", WHEN_FACTS, {MESSAGE('I', "")}, THEN_GO_ON, "event=sample_failed"},
    {"facts_copy_in", WHEN_FACTS, {MESSAGE('G', "\0\0\0")}, THEN_GO_ON, NULL},
    {"facts_copy_out", WHEN_FACTS, {MESSAGE('H', "\0\0\0"), MESSAGE('d', "line")}, THEN_AGAIN, NULL},
    {"facts_copy_both", WHEN_FACTS, {MESSAGE('W', "\0\0\0")}, THEN_GO_ON, NULL},
    {"facts_error", WHEN_FACTS, {MESSAGE('E', "S" "ERROR" "\0V" "ERROR" "\0C42501\0M" "\x1b[31m\nforged\r\302\233\342\200\256\377\x7f" "\0\0")}, THEN_GO_ON, "event=sample_failed"},
    {"facts_error_of_nothing", WHEN_FACTS, {MESSAGE('E', "\0")}, THEN_GO_ON, NULL},
    {"facts_fatal", WHEN_FACTS, {MESSAGE('E', "S" "FATAL" "\0V" "FATAL" "\0C57P01\0M" "bye" "\0\0")}, THEN_CLOSE, NULL},
    {"facts_ready_early", WHEN_FACTS, {READY}, THEN_GO_ON, NULL},
    {"facts_ready_thrice", WHEN_FACTS, {COLUMNS(10), ROW("100|3|0|f|f|-1|-1|f|~|1700000000"), TAG("SELECT 1"), READY}, THEN_GO_ON, NULL},
    {"facts_closed", WHEN_FACTS, {BYTES("")}, THEN_CLOSE, NULL},
    {"facts_row_undescribed", WHEN_FACTS, {ROW("100|3|0|f|f|-1|-1|f|~|1700000000"), TAG("SELECT 1")}, THEN_GO_ON, NULL},
    {"facts_description_short", WHEN_FACTS, {MESSAGE('T', "\0\3c")}, THEN_GO_ON, NULL},
    {"facts_description_many", WHEN_FACTS, {MESSAGE('T', "\377\377c\0")}, THEN_GO_ON, NULL},
    {"facts_row_of_others", WHEN_FACTS, {COLUMNS(10), ROW("100|3"), TAG("SELECT 1")}, THEN_GO_ON, NULL},
    {"facts_value_negative", WHEN_FACTS, {COLUMNS(1), MESSAGE('D', "\0\1\377\377\377\376"), TAG("SELECT 1")}, THEN_GO_ON, NULL},
    {"facts_value_beyond", WHEN_FACTS, {COLUMNS(1), MESSAGE('D', "\0\1\0\0\377\377x"), TAG("SELECT 1")}, THEN_GO_ON, NULL},
    {"facts_type_unknown", WHEN_FACTS, {MESSAGE('!', "what")}, THEN_GO_ON, NULL},
    {"facts_length_three", WHEN_FACTS, {CLAIMS('C', "\0", 3)}, THEN_GO_ON, NULL},
    {"facts_row_huge", WHEN_FACTS, {COLUMNS(10), CLAIMS('D', "\0\12", 0x04000000)}, THEN_AGAIN, NULL},
    {"facts_parsed_thrice", WHEN_FACTS, {MESSAGE('1', ""), MESSAGE('1', ""), MESSAGE('2', "")}, THEN_GO_ON, NULL},
    {"facts_suspended", WHEN_FACTS, {MESSAGE('s', "")}, THEN_GO_ON, NULL},
    {"facts_parameters", WHEN_FACTS, {MESSAGE('t', "\0\377")}, THEN_GO_ON, NULL},
    {"facts_silent", WHEN_FACTS, {BYTES("")}, THEN_SILENCE, NULL},
    {"facts_rows_forever", WHEN_FACTS, {COLUMNS(10), ROW("100|3|0|f|f|-1|-1|f|~|1700000000")}, THEN_AGAIN, NULL},
    {"backends_fewer", WHEN_BACKENDS, {COLUMNS(12), ROW("1|10|5|x|active|~|f|t|f|4711|1|1"), TAG("SELECT 1")}, THEN_GO_ON, "event=sample_failed"},
    {"backends_none", WHEN_BACKENDS, {COLUMNS(13), TAG("SELECT 0")}, THEN_GO_ON, "event=sample_failed"},
    {"backends_not_ours", WHEN_BACKENDS, {COLUMNS(13), ROW("1|10|5|x|active|~|f|t|f|~|1|1|1"), TAG("SELECT 1")}, THEN_GO_ON, "event=sample_failed"},
    {"backends_pid", WHEN_BACKENDS, {COLUMNS(13), ROW("1|10|5|x|active|~|f|t|f|99999999999|1|1|1"), TAG("SELECT 1")}, THEN_GO_ON, "event=sample_failed"},
    {"backends_no_slash", WHEN_BACKENDS, {COLUMNS(13), ROW("1|10|5|x|active|~|f|t|f|4711|1|1|1"), ROW("1|10|5|nightly|active|~|f|f|t|~|1|1|1"), TAG("SELECT 1")}, THEN_GO_ON, NULL},
    {"backends_no_name", WHEN_BACKENDS, {COLUMNS(13), ROW("1|10|5|x|active|~|f|t|f|4711|1|1|1"), ROW("1|10|5|~|active|~|f|f|t|~|1|1|1"), TAG("SELECT 1")}, THEN_GO_ON, NULL},
    {"backends_count_null", WHEN_BACKENDS, {COLUMNS(13), ROW("~|10|5|x|active|~|f|t|f|4711|1|1|1"), TAG("SELECT 1")}, THEN_GO_ON, "event=sample_failed"},
    {"backends_count_beyond", WHEN_BACKENDS, {COLUMNS(13), ROW("1|10|5|x|active|~|f|t|f|4711|1|1|1"), ROW("2147483647|10|5|x|active|~|f|f|f|~|1|1|1"), TAG("SELECT 1")}, THEN_GO_ON, "event=sample_failed"},
    {"backends_age", WHEN_BACKENDS, {COLUMNS(13), ROW("1|10|5|x|active|~|f|t|f|4711|1|1|1"), ROW("1|10|5|x|active|~|f|f|f|~|1|1|1e308"), TAG("SELECT 1")}, THEN_GO_ON, "event=sample_failed"},
    {"backends_hostile", WHEN_BACKENDS, {COLUMNS(13), ROW("1|10|5|x|active|~|f|t|f|4711|1|1|1"), ROW("1|10|5|" HOSTILE "|idle in transaction|~|f|f|f|~|1|90000|1"), TAG("SELECT 1")}, THEN_GO_ON, NULL},
    {"parameters", WHEN_BACKENDS, {MESSAGE('S', NUMBERED)}, THEN_AGAIN, "parameters without end"},
    {"parameters_between_rows", WHEN_WORK, {COLUMNS(1), MESSAGE('S', NUMBERED_LONG), ROW("x")}, THEN_AGAIN, "beside its answers"},
    {"notifies", WHEN_WORK, {MESSAGE('A', "\0\0\0\1channel\0payload\0")}, THEN_AGAIN, NULL},
    {"notices_work", WHEN_WORK, {MESSAGE('N', "SNOTICE\0C00000\0M" HOSTILE "\0\0"), COLUMNS(1), ROW("x"), TAG("SELECT 1")}, THEN_GO_ON, NULL},
    {"row_claims_much", WHEN_WORK, {COLUMNS(1), CLAIMS('D', "\0\1\77\377\0\0", 0x04000000)}, THEN_AGAIN, "more than 8 MiB"},
    {"work_error_hostile", WHEN_WORK, {MESSAGE('E', "SERROR\0C22012\0M" HOSTILE "\0D" HOSTILE "\0H" HOSTILE "\0W" HOSTILE "\0P-5\0\0")}, THEN_GO_ON, "sqlstate=22012"},
    {"work_error_state_long", WHEN_WORK, {MESSAGE('E', "SERROR\0Cmuch too long a state\0Mx\0P99999999999999999999\0\0")}, THEN_GO_ON, "event=failed"},
    {"work_copy_in", WHEN_WORK, {MESSAGE('G', "\0\0\0")}, THEN_GO_ON, "COPY"},
    {"work_copy_out", WHEN_WORK, {MESSAGE('H', "\0\0\0")}, THEN_GO_ON, "COPY"},
    {"work_copy_both", WHEN_WORK, {MESSAGE('W', "\0\0\0")}, THEN_GO_ON, "COPY"},
    {"work_fatal", WHEN_WORK, {MESSAGE('E', "S" "FATAL" "\0V" "FATAL" "\0C57P01\0M" "bye" "\0\0")}, THEN_CLOSE, NULL},
    {"work_ready_twice", WHEN_WORK, {COLUMNS(1), ROW("x"), TAG("SELECT 1"), READY}, THEN_GO_ON, NULL},
    {"work_tag_beyond", WHEN_WORK, {MESSAGE('C', "INSERT 0 99999999999999999999999\0")}, THEN_GO_ON, NULL},
    {"work_tag_unended", WHEN_WORK, {MESSAGE('C', "INSERT 0 1")}, THEN_GO_ON, NULL},
    {"work_tag_commit", WHEN_WORK, {MESSAGE('C', "COMMIT\0")}, THEN_GO_ON, "event=failed"},
    {"work_encoding", WHEN_WORK, {MESSAGE('S', "client_encoding\0EUC_JP\0"), MESSAGE('E', "SERROR\0C22012\0M" HOSTILE "\0\0")}, THEN_GO_ON, "sqlstate=22012"},
    {"work_twice", WHEN_WORK, {COLUMNS(1), TAG("SELECT 1"), COLUMNS(1), TAG("SELECT 1")}, THEN_GO_ON, NULL},
    {"work_rows_forever", WHEN_WORK, {COLUMNS(0)}, THEN_AGAIN, NULL},
    {"clean_error", WHEN_CLEAN, {MESSAGE('E', "S" "ERROR" "\0V" "ERROR" "\0C25001\0M" "\x1b[31m\nforged\r\302\233\342\200\256\377\x7f" "\0\0")}, THEN_GO_ON, NULL},
    {"clean_rows", WHEN_CLEAN, {COLUMNS(1), ROW("x"), TAG("SELECT 1")}, THEN_GO_ON, NULL},
    {"clean_copy", WHEN_CLEAN, {MESSAGE('G', "\0\0\0")}, THEN_GO_ON, NULL},
    {"sync_notifies", WHEN_SYNC, {MESSAGE('A', "\0\0\0\1channel\0payload\0"), MESSAGE('A', "\0\0\0\1channel\0payload\0")}, THEN_GO_ON, NULL},
    {"sync_error", WHEN_SYNC, {MESSAGE('E', "S" "ERROR" "\0V" "ERROR" "\0CXX000\0M" "late" "\0\0")}, THEN_GO_ON, NULL},
    {"sync_fatal", WHEN_SYNC, {MESSAGE('E', "S" "FATAL" "\0V" "FATAL" "\0CXX000\0M" "late" "\0\0")}, THEN_CLOSE, NULL},
    {"sync_ready", WHEN_SYNC, {READY, READY}, THEN_GO_ON, NULL},
    {"idle_notifies", WHEN_IDLE, {MESSAGE('A', "\0\0\0\1channel\0payload\0")}, THEN_AGAIN, NULL},
    {"idle_parameters", WHEN_IDLE, {MESSAGE('S', NUMBERED)}, THEN_AGAIN, "event=session_lost"},
    {"idle_notices", WHEN_IDLE, {MESSAGE('N', "SNOTICE\0C00000\0Mword\0\0")}, THEN_AGAIN, NULL},
    {"idle_ready", WHEN_IDLE, {READY}, THEN_AGAIN, "event=session_lost"},
    {"idle_rows", WHEN_IDLE, {COLUMNS(1), ROW("x")}, THEN_AGAIN, NULL},
    {"idle_fatal", WHEN_IDLE, {MESSAGE('E', "S" "FATAL" "\0V" "FATAL" "\0C57P05\0M" "\x1b[31m\nforged\r\302\233\342\200\256\377\x7f" "\0\0")}, THEN_CLOSE, "event=session_lost"},
    {"idle_garbage", WHEN_IDLE, {BYTES("garbage that is no message at all")}, THEN_SILENCE, "event=session_lost"},
    {"past_no_array", WHEN_RESTORE, {COLUMNS(1), ROW("{\"task\":1}"), TAG("SELECT 1")}, THEN_GO_ON, "event=history_broken"},
    {"past_no_json", WHEN_RESTORE, {COLUMNS(1), ROW("[nonsense"), TAG("SELECT 1")}, THEN_GO_ON, "event=history_broken"},
    {"past_of_numbers", WHEN_RESTORE, {COLUMNS(1), ROW("[1,2,3]"), TAG("SELECT 1")}, THEN_GO_ON, "event=history_broken"},
    {"past_of_nulls", WHEN_RESTORE, {COLUMNS(1), ROW("[null]"), TAG("SELECT 1")}, THEN_GO_ON, "event=history_broken"},
    {"past_beyond", WHEN_RESTORE, {COLUMNS(1), ROW("[{\"task\":\"past_beyond\",\"answered_us\":9223372036854775807}]"), TAG("SELECT 1")}, THEN_GO_ON, "event=history_broken"},
    {"past_before", WHEN_RESTORE, {COLUMNS(1), ROW("[{\"task\":\"past_before\",\"answered_us\":-9223372036854775808}]"), TAG("SELECT 1")}, THEN_GO_ON, "event=history_broken"},
    {"past_took", WHEN_RESTORE, {COLUMNS(1), ROW("[{\"task\":\"past_took\",\"answered_us\":1,\"took_us\":9223372036854775807}]"), TAG("SELECT 1")}, THEN_GO_ON, "event=history_broken"},
    {"past_float", WHEN_RESTORE, {COLUMNS(1), ROW("[{\"task\":\"past_float\",\"answered_us\":1e300}]"), TAG("SELECT 1")}, THEN_GO_ON, "event=history_broken"},
    {"past_no_rows", WHEN_RESTORE, {COLUMNS(1), TAG("SELECT 0")}, THEN_GO_ON, "event=history_broken"},
    {"past_two_columns", WHEN_RESTORE, {COLUMNS(2), ROW("[]|[]"), TAG("SELECT 1")}, THEN_GO_ON, "event=history_broken"},
    {"past_copy", WHEN_RESTORE, {MESSAGE('G', "\0\0\0")}, THEN_GO_ON, NULL},
    {"past_closed", WHEN_RESTORE, {BYTES("")}, THEN_CLOSE, NULL},
    {"commit_rows", WHEN_COMMIT, {COLUMNS(1), ROW("x"), TAG("SELECT 1")}, THEN_GO_ON, NULL},
    {"commit_rollback", WHEN_COMMIT, {MESSAGE('C', "ROLLBACK\0")}, THEN_GO_ON, NULL},
};
/* clang-format on */

#define LIES_COUNT (sizeof lies / sizeof *lies)
#define AT_ONCE    16
#define SECOND_US  INT64_C(1000000)

static struct server honest;

static int start(void **state) {
    (void)state;
    server_start(&honest, "max_connections=40");
    return 0;
}

static int stop(void **state) {
    (void)state;
    server_destroy(&honest);
    return 0;
}

/* One daemon has a pool for each of these lies, and one of a server that does not lie. */
static void write_ini(struct process *process, const struct liar *liar, const struct lie *some, size_t count) {
    char *text = NULL;
    size_t bytes;
    FILE *ini = open_memstream(&text, &bytes);
    fprintf(ini, "[pool good]\nconninfo = %s\nsize = 2\nhistory = on\n[task good]\npool = good\nevery = 200ms\nsql = SELECT 1\n",
            honest.conninfo);
    for (size_t i = 0; i < count; i++)
        fprintf(ini,
                "[pool %s]\nconninfo = host=127.0.0.1 port=%d user=u dbname=d%s\nconnect_timeout = 5s\nsize = 2\n%s"
                "[task %s]\npool = %s\nevery = 500ms\nsql = %s\n",
                some[i].name, liar->ports[i], some[i].when == WHEN_SSL ? "" : " sslmode=disable",
                some[i].when == WHEN_RESTORE ? "history = on\n" : "", some[i].name, some[i].name,
                some[i].when == WHEN_COMMIT ? "DO $$ BEGIN END $$" : "SELECT 1");
    fclose(ini);
    ini_write(process, "%s", text);
    free(text);
}

static char *read_log(const struct process *process) {
    FILE *file = fopen(process->log, "r");
    char *text = NULL;
    size_t bytes = 0;
    assert_non_null(file);
    if (getdelim(&text, &bytes, '\0', file) < 0)
        text = strdup("");
    fclose(file);
    return text;
}

/* A line has both. */
static bool log_says(const struct process *process, const char *name, const char *words) {
    char *log = read_log(process), *rest = log, key[80];
    bool found = false;
    snprintf(key, sizeof key, "=%s ", name);
    for (char *line; !found && (line = strsep(&rest, "\n"));)
        found = strstr(line, key) && strstr(line, words);
    free(log);
    return found;
}

/* Nothing of what a server sent steers the terminal that it is printed to, or forges a line. */
static void assert_shown(const char *what, const char *text) {
    for (const char *at = text; *at; at += text_utf8_length(at) ? text_utf8_length(at) : 1)
        if (*at != '\n' && !text_shown_length(at))
            fail_msg("%s: byte %02x at %zu of:\n%s", what, (unsigned char)*at, (size_t)(at - text), text);
    if (strstr(text, "\nforged"))
        fail_msg("%s: a forged line in:\n%s", what, text);
}

static void assert_all_is_shown(const struct process *process) {
    static const char *const asked[] = {"status", "status --json", "status --metrics"};
    const char *output;
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        char command[400];
        snprintf(command, sizeof command, "%.*s %s%s", (int)strcspn(asked[i], " "), asked[i], process->ini,
                 asked[i] + strcspn(asked[i], " "));
        if (shell(&output, "headgate %s", command) != 0)
            fail_msg("%s: %s", command, output);
        assert_shown(command, output);
    }
    kill(process->pid, SIGUSR1);
    WAIT_UNTIL(process, daemon_log_count(process, "late p50/p99 ms") >= 1);
    char *log = read_log(process);
    assert_shown("log", log);
    free(log);
}

static long memory_peak_mib(const struct process *process) {
    const char *output;
    shell(&output, "awk '/VmHWM/ {print $2}' /proc/%d/status", (int)process->pid);
    return strtol(output, NULL, 10) / 1024;
}

/* With the sanitizers' own, which hold back what was freed. */
#define MEMORY_MOST_MIB 900

static void tell(const struct lie *some, size_t count) {
    struct process process;
    struct liar liar;
    liar_start(&liar, some, count);
    write_ini(&process, &liar, some, count);
    daemon_start(&process);
    for (size_t i = 0; i < count; i++) {
        WAIT_UNTIL(&process, liar_told(&liar, i) >= 1);
        if (some[i].says) {
            int64_t since_us = clock_us();
            while (!log_says(&process, some[i].name, some[i].says)) {
                if (deadline_passed(since_us))
                    fprintf(stderr, "of %s nobody says: %s\n", some[i].name, some[i].says);
                if (deadline_passed(since_us))
                    wait_failed(&process, some[i].name, __FILE__, __LINE__);
                breathe();
            }
        }
    }
    long ok = task_number(&process, "good", "ok");
    WAIT_UNTIL(&process, task_number(&process, "good", "ok") >= ok + 3);
    assert_int_equal(task_number(&process, "good", "failed"), 0);
    assert_all_is_shown(&process);
    assert_in_range(memory_peak_mib(&process), 1, MEMORY_MOST_MIB);
    assert_int_equal(daemon_end(&process, SIGTERM), 0);
    liar_stop(&liar);
}

/* The commands that log in by themselves, of each liar that answers at all. */
static void ask(const struct lie *some, size_t count) {
    struct process process;
    struct liar liar;
    const char *output;
    liar_start(&liar, some, count);
    for (size_t i = 0; i < count; i++) {
        if (some[i].when == WHEN_LOGIN || some[i].after == THEN_SILENCE || some[i].after == THEN_AGAIN)
            continue;
        ini_write(&process,
                  "[pool p]\nconninfo = host=127.0.0.1 port=%d user=u dbname=d connect_timeout=10 sslmode=disable\n"
                  "connect_timeout = 10s\nhistory = on\n[task t]\nevery = 1h\nsql = SELECT 1\n", liar.ports[i]);
        int code = shell(&output, "headgate check %s --connect", process.ini);
        assert_in_range(code, 0, 1);
        assert_shown(some[i].name, output);
        code = shell(&output, "headgate history %s; headgate history %s --json", process.ini, process.ini);
        assert_int_equal(code, 1); /* it has no view of headgate's, whatever else it says */
        assert_shown(some[i].name, output);
        tidy(NULL);
    }
    liar_stop(&liar);
}

static void liars_are_asked(void **state) {
    size_t group = (size_t)*state;
    size_t count = LIES_COUNT - group * AT_ONCE;
    ask(lies + group * AT_ONCE, count < AT_ONCE ? count : AT_ONCE);
}

static void liars_are_survived(void **state) {
    size_t group = (size_t)*state;
    size_t count = LIES_COUNT - group * AT_ONCE;
    tell(lies + group * AT_ONCE, count < AT_ONCE ? count : AT_ONCE);
}

#define GROUPS ((LIES_COUNT + AT_ONCE - 1) / AT_ONCE)

/* With an argument only those tests whose names it matches. */
int main(int argc, char **argv) {
    struct CMUnitTest tests[2 * GROUPS];
    char names[2 * GROUPS][60];
    for (size_t i = 0; i < 2 * GROUPS; i++) {
        bool asks = i >= GROUPS;
        size_t group = i % GROUPS;
        snprintf(names[i], sizeof names[i], "liars_are_%s_from_%s", asks ? "asked" : "survived", lies[group * AT_ONCE].name);
        tests[i] = (struct CMUnitTest){names[i], asks ? liars_are_asked : liars_are_survived, NULL, tidy, (void *)group};
    }
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, start, stop);
}
