#include "dump.h"

static void status_failing_pool_says_since_when_and_why(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a"));
    (void)state;
    fixture_trigger(f, "a");
    struct handle session = fixture_need(f, ACTION_OPEN)->session;
    fixture_fail(f, session, CONNECT_UNREACHABLE);
    fixture_session(f, EVENT_SESSION_GONE, session);
    assert_dump(f,
                (const char *const[]){"pool p", "\n  no connection for 0", ", next attempt in 1",
                                      ": connection refused\n", "\na ", "waiting", "no connection for 0",
                                      NULL});
    fixture_destroy(f);
}

static void pool_says_what_the_last_look_found(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(4) SQL("a"));
    struct sample *sample = &f->core->pools[0].gate.sample;
    (void)state;
    sample->known = true;
    sample->invisible_count = 3;
    sample->pooled = true;
    sample->ahead_us = -60 * S;
    assert_dump(f, (const char *const[]){"  blind       the state of 3 sessions cannot be seen; GRANT pg_monitor",
                                         "  pooler      a connection pooler is in between",
                                         "  clock       the database's is 60.0s behind ours", NULL});
    fixture_destroy(f);
}

static void pool_says_how_its_history_is(void **state) {
    struct fixture *f = fixture_create_unarmed("[pool p]\nhistory = on\n" SQL("a"));
    (void)state;
    assert_dump(f, (const char *const[]){"  history     not read yet: nothing starts before\n", NULL});
    f->core->pools[0].recording.state = RECORDING_BROKEN;
    fixture_pass(f, 2 * S);
    assert_dump(f, (const char *const[]){"  history     runs are not recorded for ", "; 0 records wait\n", NULL});
    fixture_destroy(f);
}

static void pool_says_what_is_wrong_with_its_size(void **state) {
    struct fixture *f = fixture_create_unarmed(POOL(1) SQL("a") "expect = 25s\n" SQL("b") "expect = 25s\n");
    (void)state;
    assert_dump(f, (const char *const[]){"  too much    the tasks need 2.0 tokens on average and there are 1: size = 3 would "
                                         "carry them, or intervals 2.50 times as long\n", NULL});
    fixture_destroy(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_failing_pool_says_since_when_and_why),
        cmocka_unit_test(pool_says_what_the_last_look_found),
        cmocka_unit_test(pool_says_how_its_history_is),
        cmocka_unit_test(pool_says_what_is_wrong_with_its_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
