#include "play.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/status.h"
#include "tasks/duration.h"

#define STEPS_MAX 100000 /* more between two events is a loop without end */

/* --- actions as text --- */

static const char *const close_names[] = {
    [CLOSE_IDLE] = "idle",           [CLOSE_RECYCLE] = "recycle",   [CLOSE_ROOM] = "room",
    [CLOSE_TIMEOUT] = "timeout",     [CLOSE_CANCELLED] = "cancelled", [CLOSE_CONNINFO] = "conninfo",
    [CLOSE_DRAIN] = "drain",
};

static const char *const skip_names[] = {
    [SKIP_NONE] = "", [SKIP_OVERLAP] = "overlap", [SKIP_DRAIN] = "drain",
    [SKIP_REMOVED] = "removed", [SKIP_FULL] = "full",
};

static void note_us(struct play *play, int64_t us) {
    char buffer[DURATION_TEXT_BYTES];
    text_add(&play->log, "%s%s", us < 0 ? "-" : "", duration_format(us < 0 ? -us : us, buffer));
}

static void note_session(struct play *play, struct handle session) {
    for (uint32_t i = 0; i < play->session_count; i++)
        if (handle_is(play->sessions[i], session))
            text_add(&play->log, " s%u", i + 1);
}

static void note_run(struct play *play, const struct action *action) {
    const struct run *run = core_run(play->core, action->run);
    assert(run && run->number < PLAY_NAMES_MAX);
    play->runs[run->number] = action->run;
    text_add(&play->log, " %s#%" PRIu64, play->core->tasks[action->task].definition->name, run->number);
}

static void note_record(struct play *play, const struct record *record) {
    text_add(&play->log, " %s", play->core->tasks[record->task].definition->name);
    if (record->run_number)
        text_add(&play->log, "#%" PRIu64, record->run_number);
    text_add(&play->log, " %s", outcome_name(record->outcome));
    if (record->skip != SKIP_NONE)
        text_add(&play->log, " %s", skip_names[record->skip]);
    text_add(&play->log, " x%" PRId64 " due=", record->occurrence_count);
    note_us(play, record->due_first.us - PLAY_WALL_START_US);
    if (record->due_last.us != record->due_first.us) {
        text_add(&play->log, "..");
        note_us(play, record->due_last.us - PLAY_WALL_START_US);
    }
    if (record->outcome == OUTCOME_SKIPPED)
        return;
    text_add(&play->log, " late=");
    note_us(play, record->lateness_us);
    text_add(&play->log, " took=");
    note_us(play, record->took_us);
    if (record->row_count)
        text_add(&play->log, " rows=%" PRIu64, record->row_count);
}

static void note_open(struct play *play, const struct action *action) {
    assert(play->session_count < PLAY_NAMES_MAX);
    play->sessions[play->session_count++] = action->session;
    text_add(&play->log, "open s%u", play->session_count);
    if (play->core->pool_count > 1)
        text_add(&play->log, " %s", play->core->pools[action->pool].settings->name);
}

static void note_verb(struct play *play, const struct action *action, const char *verb) {
    text_add(&play->log, "%s", verb);
    if (action->task != SLOT_NONE)
        note_run(play, action);
    note_session(play, action->session);
}

static void note_action(struct play *play, const struct action *action) {
    note_us(play, play->now_us);
    text_add(&play->log, " ");
    switch (action->kind) {
    case ACTION_OPEN: note_open(play, action); break;
    case ACTION_CHECK: note_verb(play, action, "check"); break;
    case ACTION_SURVEY: note_verb(play, action, "survey"); break;
    case ACTION_CLOSE:
        note_verb(play, action, "close");
        text_add(&play->log, " %s", close_names[action->close_cause]);
        break;
    case ACTION_FORGET: note_verb(play, action, "forget"); break;
    case ACTION_START: note_verb(play, action, "start"); break;
    case ACTION_CANCEL: note_verb(play, action, "cancel"); break;
    case ACTION_ABORT: note_verb(play, action, "abort"); break;
    case ACTION_RECORD:
        text_add(&play->log, "record");
        note_record(play, &action->record);
        break;
    case ACTION_HELD:
        note_verb(play, action, "held");
        text_add(&play->log, " ");
        note_us(play, action->held_us);
        break;
    case ACTION_STEPPED:
        text_add(&play->log, "stepped ");
        note_us(play, action->stepped_us);
        break;
    case ACTION_STOPPED: text_add(&play->log, "stopped"); break;
    }
    text_add(&play->log, "\n");
}

/* --- time and events --- */

static struct mono mono_now(const struct play *play) {
    return (struct mono){PLAY_MONO_START_US + play->now_us};
}

static struct wall wall_now(const struct play *play) {
    return (struct wall){PLAY_WALL_START_US + play->now_us + play->wall_shift_us};
}

void play_event(struct play *play, struct event event) {
    struct actions actions;
    bool more = true;
    for (int steps = 0; more; steps++) {
        if (steps == STEPS_MAX)
            fail_msg("a step that never ends");
        event.now = mono_now(play);
        event.wall = wall_now(play);
        more = core_step(play->core, &event, &actions);
        for (uint32_t i = 0; i < actions.count; i++)
            note_action(play, &actions.items[i]);
        event = (struct event){.kind = EVENT_TICK};
    }
}

/* Ticks at each wake up to the instant, as the daemon's timer would. */
static void pass_time(struct play *play, int64_t until_us) {
    struct mono wake;
    for (int ticks = 0; (wake = core_next_wake(play->core)).us <= PLAY_MONO_START_US + until_us; ticks++) {
        if (ticks == STEPS_MAX)
            fail_msg("the core wants to be woken for ever");
        if (wake.us > mono_now(play).us)
            play->now_us = wake.us - PLAY_MONO_START_US;
        play_event(play, (struct event){.kind = EVENT_TICK});
    }
    play->now_us = until_us;
}

/* --- scripts --- */

static int index_of(const char *word, const char *const *words, size_t count) {
    for (size_t i = 0; word && i < count; i++)
        if (words[i] && strcmp(words[i], word) == 0)
            return (int)i;
    fail_msg("a script says '%s'", word ? word : "(nothing)");
    return -1;
}

static int64_t us_of(const char *word) {
    int64_t us = 0;
    const char *digits = word + (*word == '+' || *word == '-');
    if (duration_parse(digits, &us) != DURATION_OK)
        fail_msg("'%s' in a script is not a duration", word);
    return *word == '-' ? -us : us;
}

static struct handle session_of(const struct play *play, const char *word) {
    uint32_t number = word && *word == 's' ? (uint32_t)strtoul(word + 1, NULL, 10) : 0;
    if (number == 0 || number > play->session_count)
        fail_msg("a script says '%s' where a session is wanted", word ? word : "(nothing)");
    return play->sessions[number - 1];
}

static struct handle run_of(const struct play *play, const char *word) {
    uint32_t number = word && *word == '#' ? (uint32_t)strtoul(word + 1, NULL, 10) : 0;
    if (number == 0 || number >= PLAY_NAMES_MAX || play->runs[number].generation == 0)
        fail_msg("a script says '%s' where a run is wanted", word ? word : "(nothing)");
    return play->runs[number];
}

static void say_sessions(struct play *play, enum event_kind kind, char **words) {
    for (int i = 0; words[i]; i++)
        play_event(play, (struct event){.kind = kind, .session = session_of(play, words[i])});
}

static void say_failed(struct play *play, char **words) {
    static const char *const names[] = {"full", "starting", "unreachable", "needs_person", "options"};
    struct event event = {.kind = EVENT_SESSION_FAILED, .session = session_of(play, words[0])};
    event.failed.failure = (enum connect_failure)index_of(words[1], names, COUNT(names));
    play_event(play, event);
}

static void say_surveyed(struct play *play, char **words) {
    struct event event = {.kind = EVENT_SURVEYED, .session = session_of(play, words[0])};
    event.surveyed.leftover_count = (uint32_t)strtoul(words[1], NULL, 10);
    play_event(play, event);
}

static void say_ended(struct play *play, char **words) {
    static const char *const names[] = {"ok", "failed", "timeout", "cancelled", "unknown"};
    struct event event = {.kind = EVENT_RUN_ENDED, .run = run_of(play, words[0])};
    event.ended.outcome = (enum outcome)index_of(words[1], names, COUNT(names));
    event.ended.row_count = words[2] ? strtoul(words[2], NULL, 10) : 0;
    play_event(play, event);
}

static void say_trigger(struct play *play, char **words) {
    uint32_t task = taskset_find_task(play->core->set, words[0]);
    assert_int_not_equal(task, TASKSET_NONE);
    play_event(play, (struct event){.kind = EVENT_TRIGGER, .task = task});
}

static void say_reload(struct play *play, char **words) {
    (void)words;
    assert_non_null(play->next_ini);
    struct taskset *set = helper_taskset(play->next_ini);
    core_reload(play->core, set, mono_now(play), wall_now(play));
    taskset_unref(set);
    play_event(play, (struct event){.kind = EVENT_TICK});
}

static void note_tokens(struct play *play, char **words) {
    (void)words;
    for (uint32_t i = 0; i < play->core->pool_count; i++) {
        note_us(play, play->now_us);
        text_add(&play->log, " %s ", play->core->pools[i].settings->name);
        status_tokens(&play->core->pools[i].tokens, &play->log);
        text_add(&play->log, "\n");
    }
}

static void note_wake(struct play *play, char **words) {
    (void)words;
    struct mono wake = core_next_wake(play->core);
    note_us(play, play->now_us);
    text_add(&play->log, " wake ");
    if (wake.us == INSTANT_MAX)
        text_add(&play->log, "never");
    else
        note_us(play, wake.us - PLAY_MONO_START_US);
    text_add(&play->log, "\n");
}

static void note_status(struct play *play, char **words) {
    (void)words;
    const struct status_context context = {
        .version = "TEST", .path = "test.ini", .pid = 4711, .up_us = play->now_us, .loaded = {PLAY_WALL_START_US}};
    struct status status;
    status_init(&status, play->core, &context);
    status_print(&status, 0, &play->log);
    status_finish(&status);
}

static void say_tick(struct play *play, char **words) {
    (void)words;
    play_event(play, (struct event){.kind = EVENT_TICK});
}

static void say_opened(struct play *play, char **words) {
    say_sessions(play, EVENT_SESSION_OPENED, words);
}

static void say_ready(struct play *play, char **words) {
    say_sessions(play, EVENT_SESSION_READY, words);
}

static void say_broken(struct play *play, char **words) {
    say_sessions(play, EVENT_SESSION_BROKEN, words);
}

static void say_gone(struct play *play, char **words) {
    say_sessions(play, EVENT_SESSION_GONE, words);
}

static void say_unsent(struct play *play, char **words) {
    play_event(play, (struct event){.kind = EVENT_RUN_UNSENT, .run = run_of(play, words[0])});
}

static void say_drain(struct play *play, char **words) {
    (void)words;
    play_event(play, (struct event){.kind = EVENT_DRAIN});
}

static void say_clock(struct play *play, char **words) {
    play->wall_shift_us += us_of(words[0]);
    play_event(play, (struct event){.kind = EVENT_TICK});
}

static const struct verb {
    const char *name;
    void (*say)(struct play *play, char **words);
} verbs[] = {
    {"tick", say_tick},         {"stall", say_tick},       {"opened", say_opened}, {"ready", say_ready},
    {"broken", say_broken},     {"gone", say_gone},        {"failed", say_failed}, {"surveyed", say_surveyed},
    {"ended", say_ended},       {"unsent", say_unsent},    {"drain", say_drain},   {"trigger", say_trigger},
    {"clock", say_clock},       {"reload", say_reload},    {"status", note_status}, {"tokens", note_tokens},
    {"wake", note_wake},
};

static void say(struct play *play, const char *name, char **words) {
    for (size_t i = 0; i < COUNT(verbs); i++)
        if (name && strcmp(verbs[i].name, name) == 0) {
            verbs[i].say(play, words);
            return;
        }
    fail_msg("a script says %s", name ? name : "nothing");
}

static void play_line(struct play *play, char *line) {
    enum { WORDS_MAX = 80 };
    char *words[WORDS_MAX + 1] = {0}, *rest = line;
    int count = 0;
    if (*line == '#') {
        text_add(&play->log, "%s\n", line);
        return;
    }
    for (char *word; count < WORDS_MAX && (word = strtok_r(rest, " ", &rest));)
        words[count++] = word;
    if (count == 0)
        return;
    int64_t at_us = us_of(words[0]);
    assert_true(at_us >= play->now_us);
    if (words[1] && strcmp(words[1], "stall") == 0)
        play->now_us = at_us;
    else
        pass_time(play, at_us);
    say(play, words[1], words + 2);
}

void play_script(struct play *play, const char *script) {
    char *copy = strdup(script), *rest = copy;
    for (char *line; (line = strtok_r(rest, "\n", &rest));)
        play_line(play, line);
    free(copy);
}

void play_init(struct play *play, const char *ini, bool armed) {
    *play = (struct play){0};
    struct taskset *set = helper_taskset(ini);
    play->core = core_create(set, 1, armed, mono_now(play), wall_now(play));
    taskset_unref(set);
    text_add(&play->log, "%s", "");
}

void play_finish(struct play *play) {
    core_destroy(play->core);
    text_finish(&play->log);
}

/* --- cases --- */

static void play_case(void **state) {
    const struct play_case *row = *state;
    struct play play;
    play_init(&play, row->ini, true);
    play.next_ini = row->next_ini;
    play_script(&play, row->script);
    helper_expect_text(row->name, play.log.bytes, row->expected);
    play_finish(&play);
}

int play_cases(const struct play_case *cases, size_t count) {
    struct CMUnitTest *tests = calloc(count, sizeof *tests);
    assert(tests);
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){cases[i].name, play_case, NULL, NULL, (void *)(uintptr_t)&cases[i]};
    int failed = _cmocka_run_group_tests("cases", tests, count, NULL, NULL);
    free(tests);
    return failed;
}
