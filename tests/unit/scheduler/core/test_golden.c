#include "tests/unit/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/duration.h"
#include "tasks/text.h"

#define EVENTS_MARK  "--- events\n"
#define ACTIONS_MARK "--- actions\n"
#define NUMBERS_MAX  512

struct trace {
    struct fixture *fixture;
    struct handle sessions[NUMBERS_MAX]; /* by the order of OPEN, from 1 */
    struct handle runs[NUMBERS_MAX];     /* by run number */
    uint32_t session_count;
    struct sample sample; /* of the event that is played */
    struct text text;
};

/* --- actions as text --- */

static const char *const close_causes[] = {"idle",    "recycle",   "room",     "gate", "limit",
                                           "timeout", "cancelled", "standby",  "conninfo", "drain"};
static const char *const skip_causes[] = {
    [SKIP_NONE] = "none",     [SKIP_OVERLAP] = "overlap", [SKIP_DRAIN] = "drain",   [SKIP_REMOVED] = "removed",
    [SKIP_FULL] = "full",     [SKIP_HOLD] = "hold",       [SKIP_LATE] = "late",     [SKIP_MISSED] = "missed",
    [SKIP_UNRECORDED] = "lost", [SKIP_PAUSED] = "paused", [SKIP_BITES] = "bites", [SKIP_WINDOW] = "window"};
static const char *const stages[] = {" when", " claim", "", " read", " work", " write"};

static uint32_t session_number(const struct trace *trace, struct handle session) {
    for (uint32_t i = trace->session_count; i > 0; i--)
        if (handle_is(trace->sessions[i], session))
            return i;
    return 0;
}

static void print_record(struct trace *trace, const struct record *record) {
    text_add(&trace->text, "record #%d %s %s, answers %d", (int)record->run_number,
             trace->fixture->core->tasks[record->task].definition->name, outcome_name(record->outcome),
             (int)record->occurrence_count);
    if (record->skip)
        text_add(&trace->text, ", %s", skip_causes[record->skip]);
    else
        text_add(&trace->text, ", late %d ms, took %d ms", (int)(record->lateness_us / US_PER_MS),
                 (int)(record->took_us / US_PER_MS));
    if (record->bite_count)
        text_add(&trace->text, ", %u bites of %d rows", record->bite_count, (int)record->row_count);
    if (record->rest)
        text_add(&trace->text, ", rest left: %s", skip_causes[record->rest]);
}

static void print_run(struct trace *trace, const char *verb, const struct action *action) {
    uint64_t number = 0;
    for (uint64_t i = 1; i < NUMBERS_MAX; i++)
        if (handle_is(trace->runs[i], action->run))
            number = i;
    text_add(&trace->text, "%s #%d %s", verb, (int)number,
             trace->fixture->core->tasks[action->task].definition->name);
    const struct run *run = core_run(trace->fixture->core, action->run);
    text_add(&trace->text, "%s", run ? stages[run->stage] : "");
    if (action->session.generation)
        text_add(&trace->text, " on s%u", session_number(trace, action->session));
}

static void learn_names(struct trace *trace, const struct action *action) {
    if (action->kind == ACTION_OPEN) {
        assert_true(trace->session_count + 1 < NUMBERS_MAX);
        trace->sessions[++trace->session_count] = action->session;
    } else if (action->kind == ACTION_START) {
        const struct run *run = core_run(trace->fixture->core, action->run);
        assert_non_null(run);
        assert_true(run->number < NUMBERS_MAX);
        trace->runs[run->number] = action->run;
    }
}

static void print_action(struct trace *trace, const struct action *action) {
    struct text *text = &trace->text;
    uint32_t session = session_number(trace, action->session);
    text_add(text, "%d.%03ds ", (int)(trace->fixture->now.us / US_PER_S),
             (int)(trace->fixture->now.us % US_PER_S / US_PER_MS));
    switch (action->kind) {
    case ACTION_OPEN: text_add(text, "open s%u", session); break;
    case ACTION_CHECK: text_add(text, "check s%u", session); break;
    case ACTION_SAMPLE: text_add(text, "sample s%u", session); break;
    case ACTION_CLOSE: text_add(text, "close s%u, %s", session, close_causes[action->close_cause]); break;
    case ACTION_FORGET: text_add(text, "forget s%u", session); break;
    case ACTION_START: print_run(trace, "start", action); break;
    case ACTION_CANCEL: print_run(trace, "cancel", action); break;
    case ACTION_ABORT: print_run(trace, "abort", action); break;
    case ACTION_RECORD: print_record(trace, &action->record); break;
    case ACTION_CLEAN: text_add(text, "clean s%u", session); break;
    case ACTION_VERIFY: text_add(text, "verify s%u", session); break;
    case ACTION_RETRY:
        print_run(trace, "retry", action);
        text_add(text, " in %d ms", (int)(action->delay_us / US_PER_MS));
        break;
    case ACTION_HOLD: text_add(text, "hold for %d s", (int)(action->delay_us / US_PER_S)); break;
    case ACTION_YIELDED: print_run(trace, "yield", action); break;
    case ACTION_BREACH: text_add(text, "breach"); break;
    case ACTION_HEAVIER: text_add(text, "heavier"); break;
    case ACTION_STANDBY: print_run(trace, "standby", action); break;
    case ACTION_GATE:
        text_add(text, "limit %u", trace->fixture->core->pools[action->pool].tokens.limit);
        break;
    case ACTION_LISTEN: text_add(text, "listen s%u", session); break;
    case ACTION_HISTORY: text_add(text, "history s%u", session); break;
    case ACTION_HISTORY_STATE: text_add(text, "history changed"); break;
    case ACTION_HELD: print_run(trace, "held", action); break;
    case ACTION_AHEAD: text_add(text, "ahead by %d ms", (int)(action->ahead_us / US_PER_MS)); break;
    case ACTION_KEPT: text_add(text, "kept, ahead by %d ms", (int)(action->ahead_us / US_PER_MS)); break;
    case ACTION_STEPPED: text_add(text, "stepped %d ms", (int)(action->stepped_us / US_PER_MS)); break;
    case ACTION_STOPPED: text_add(text, "stopped"); break;
    }
    text_add(text, "\n");
}

static void print_actions(struct trace *trace) {
    for (uint32_t i = 0; i < trace->fixture->count; i++) {
        learn_names(trace, &trace->fixture->kept[i]);
        print_action(trace, &trace->fixture->kept[i]);
    }
}

/* --- events from text --- */

static void pass_until(struct trace *trace, int64_t at_us) {
    struct fixture *fixture = trace->fixture;
    int64_t wake_us;
    while ((wake_us = core_next_wake(fixture->core).us) < at_us) {
        assert_true(wake_us > fixture->now.us);
        fixture_pass(fixture, wake_us - fixture->now.us);
        print_actions(trace);
    }
    fixture_advance(fixture, at_us - fixture->now.us);
}

static const struct {
    const char *word;
    enum event_kind kind;
} event_words[] = {
    {"tick", EVENT_TICK},           {"opened", EVENT_SESSION_OPENED}, {"failed", EVENT_SESSION_FAILED},
    {"ready", EVENT_SESSION_READY}, {"broken", EVENT_SESSION_BROKEN}, {"gone", EVENT_SESSION_GONE},
    {"sampled", EVENT_SAMPLED},     {"unsent", EVENT_RUN_UNSENT},     {"ended", EVENT_RUN_ENDED},
    {"trigger", EVENT_TRIGGER},     {"drain", EVENT_DRAIN},
};

static struct event event_of(const char *word) {
    for (size_t i = 0; i < sizeof event_words / sizeof *event_words; i++)
        if (strcmp(event_words[i].word, word) == 0)
            return (struct event){.kind = event_words[i].kind};
    fail_msg("no event is called %s", word);
    return (struct event){0};
}

static void read_argument(struct trace *trace, struct event *event, const char *what) {
    static const char *const outcomes[] = {"ok", "failed", "timeout", "-", "unknown"};
    static const char *const failures[] = {"full", "starting", "unreachable", "person", "options"};
    static const char *const kinds[] = {"other", "conflict", "lock", "cancelled", "lost"};
    if (event->kind == EVENT_TRIGGER) {
        event->task = fixture_task(trace->fixture, what);
    } else if (*what == 's' && strspn(what + 1, "0123456789") == strlen(what + 1)) {
        event->session = trace->sessions[strtoul(what + 1, NULL, 10) % NUMBERS_MAX];
    } else if (*what == '#') {
        event->run = trace->runs[strtoul(what + 1, NULL, 10) % NUMBERS_MAX];
    } else if (event->kind == EVENT_SAMPLED) {
        trace->sample = fixture_roomy();
        trace->sample.leftover_count = (int32_t)strtoul(what, NULL, 10);
        event->sample = &trace->sample;
    } else if (event->kind == EVENT_SESSION_FAILED) {
        for (int i = 0; i < 5; i++)
            if (strcmp(failures[i], what) == 0)
                event->failed.failure = (enum connect_failure)i;
    } else if (event->kind == EVENT_RUN_ENDED && strspn(what, "0123456789") == strlen(what)) {
        event->ended.row_count = event->ended.changed_count = strtoul(what, NULL, 10);
    } else if (event->kind == EVENT_RUN_ENDED) {
        for (int i = 0; i < 5; i++)
            if (strcmp(kinds[i], what) == 0)
                event->ended.failure = (enum failure_kind)i;
        for (int i = 0; i < 5; i++)
            if (strcmp(outcomes[i], what) == 0)
                event->ended.outcome = (enum outcome)i;
    }
}

/* "10s ended #1 ok" */
static void play_line(struct trace *trace, char *line) {
    char *rest = NULL, *word = strtok_r(line, " ", &rest);
    int64_t at_us = 0;
    if (!word || *word == '#')
        return;
    assert_null(duration_parse(word, &at_us));
    word = strtok_r(NULL, " ", &rest);
    assert_non_null(word);
    pass_until(trace, at_us);
    struct event event = event_of(word);
    while ((word = strtok_r(NULL, " ", &rest)))
        read_argument(trace, &event, word);
    fixture_step(trace->fixture, event);
    print_actions(trace);
}

/* --- files --- */

static void path_of(char *path, size_t bytes, const char *name) {
    const char *root = getenv("HEADGATE_SOURCE_ROOT");
    snprintf(path, bytes, "%s/tests/unit/scheduler/core/golden/%s.txt", root ? root : ".", name);
}

static char *read_golden(const char *path) {
    FILE *file = fopen(path, "r");
    char *content = calloc(1, 65536);
    assert_non_null(file);
    assert_non_null(content);
    size_t bytes = fread(content, 1, 65535, file);
    assert_in_range(bytes, 1, 65534);
    fclose(file);
    return content;
}

static void write_golden(const char *path, const char *head, size_t head_bytes, const char *actions) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fwrite(head, 1, head_bytes, file);
    fputs(actions, file);
    assert_int_equal(fclose(file), 0);
}

static void play(const char *name) {
    char path[4096];
    path_of(path, sizeof path, name);
    char *content = read_golden(path);
    char *events = strstr(content, EVENTS_MARK), *actions = strstr(content, ACTIONS_MARK);
    assert_non_null(events);
    assert_non_null(actions);
    char *expected = actions + strlen(ACTIONS_MARK);
    char *ini = strndup(content, (size_t)(events - content));
    char *script = strndup(events + strlen(EVENTS_MARK), (size_t)(actions - events) - strlen(EVENTS_MARK));
    struct trace trace = {.fixture = fixture_create(ini)};
    char *rest = NULL;
    for (char *line = strtok_r(script, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        play_line(&trace, line);
    assert_non_null(trace.text.bytes);
    if (getenv("HEADGATE_UPDATE_GOLDEN"))
        write_golden(path, content, (size_t)(expected - content), trace.text.bytes);
    else
        assert_string_equal(trace.text.bytes, expected);
    text_finish(&trace.text);
    fixture_destroy(trace.fixture);
    free(script);
    free(ini);
    free(content);
}

static void golden_full_server_is_tried_once_a_second(void **state) {
    (void)state;
    play("full_server");
}

static void golden_restart_brings_new_sessions_and_loses_no_run(void **state) {
    (void)state;
    play("restart");
}

static void golden_overload_serves_by_priority_and_merges(void **state) {
    (void)state;
    play("overload");
}

static void golden_locked_table_is_in_nobody_elses_way(void **state) {
    (void)state;
    play("locked_table");
}

static void golden_stages_repeat_the_write_and_not_the_work(void **state) {
    (void)state;
    play("stages");
}

static void golden_heavy_command_gets_the_whole_pool(void **state) {
    (void)state;
    play("heavy_command");
}

static void golden_window_opens_and_closes(void **state) {
    (void)state;
    play("window");
}

static void golden_bites_let_others_pass_and_end_in_a_drain(void **state) {
    (void)state;
    play("bites");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_full_server_is_tried_once_a_second),
        cmocka_unit_test(golden_restart_brings_new_sessions_and_loses_no_run),
        cmocka_unit_test(golden_overload_serves_by_priority_and_merges),
        cmocka_unit_test(golden_locked_table_is_in_nobody_elses_way),
        cmocka_unit_test(golden_heavy_command_gets_the_whole_pool),
        cmocka_unit_test(golden_bites_let_others_pass_and_end_in_a_drain),
        cmocka_unit_test(golden_window_opens_and_closes),
        cmocka_unit_test(golden_stages_repeat_the_write_and_not_the_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
