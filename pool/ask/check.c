#include "pool/ask/check.h"

#include <inttypes.h>
#include <stdlib.h>

#include "pool/answer.h"
#include "pool/ask/guards.h"
#include "pool/ask/history.h"
#include "pool/ask/inquiry.h"
#include "pool/budget/headroom.h"
#include "pool/budget/look.h"
#include "pool/conninfo.h"
#include "tasks/duration.h"

#define NAMES_MOST 8

/* What the server takes us for: behind a pooler it need not be what the file says. */
static const char role_sql[] =
    "SELECT session_user, current_database(), rolsuper,"
    " current_setting('server_version') FROM pg_roles WHERE rolname = session_user";

enum column { ROLE, DATABASE, IS_SUPERUSER, VERSION, COLUMNS };

/* What is there, and the gate's sums: of all of the size without the application, and of none of it with the
 * sessions that the application has now. */
struct finding {
    struct answer answer;                  /* the one that is looked at, and what is wrong with it */
    const char *version, *role, *database; /* borrowed from the answer */
    bool superuser, pooled;
    struct sample sample;
    struct headroom alone, present;
};

/* --- looking --- */

static PGresult *ask(PGconn *conn, const char *sql, int count, const char *const *values) {
    PGresult *result = inquiry(conn, sql, count, values);
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        return result;
    PQclear(result);
    return NULL;
}

static bool look(PGconn *conn, const struct taskset *set, uint32_t index, uint32_t identity,
                 struct finding *finding) {
    char session_name[LOOK_NAME_BYTES];
    char *command_names = look_name_commands(set, index);
    const char *values[] = {"{}", command_names};
    struct look_answering answering = {0};
    struct sample *sample = &finding->sample;
    look_name_sessions(set->pools[index].name, identity, session_name);
    PGresult *facts = ask(conn, look_facts_sql, 0, NULL);
    PGresult *backends = facts ? ask(conn, look_backends_sql, 2, values) : NULL;
    if (backends)
        look_read_facts(facts, &finding->answer, sample);
    bool known = sample->known && look_find_answering(backends, &finding->answer, &answering);
    if (known)
        look_read_backends(&finding->answer, &answering, session_name, 0, sample);
    finding->pooled = answering.pid != PQbackendPID(conn);
    PQclear(facts);
    PQclear(backends);
    free(command_names);
    return known && sample->known;
}

static void add_up(const struct pool_settings *pool, struct finding *finding) {
    struct mono now = {US_PER_S};
    struct gate_settings gate = gate_settings_of(pool);
    struct foreground_watch nobody = {0}, present = {0};
    struct sample alone = finding->sample;
    for (enum scope scope = 0; scope < SCOPES; scope++)
        alone.scopes[scope].used = alone.scopes[scope].ours;
    finding->alone = headroom_of(&alone, &nobody, &gate, (int32_t)pool->size, now);
    watch_sample(&present, &finding->sample, gate.window_us, now);
    finding->present = headroom_of(&finding->sample, &present, &gate, 0, now);
}

/* --- telling --- */

static void say_limit(const char *word, const char *name, const struct sample_scope *scope,
                      struct text *text) {
    if (scope->usable != SLOTS_UNLIMITED)
        text_add_line(text, "  %-12s %s may have %" PRId32 " connections", word, name, scope->usable);
}

static void say_slots(const struct finding *finding, struct text *text) {
    const struct sample *sample = &finding->sample;
    int32_t usable = sample->scopes[SCOPE_SERVER].usable;
    size_t start = text->bytes_count;
    text_add(text, "  server       PostgreSQL %s%s, %" PRId32 " slots", finding->version,
             sample->standby ? " (standby)" : "", sample->max_connections);
    if (usable < sample->max_connections)
        text_add(text, " - %" PRId32 " reserved for others = %" PRId32, sample->max_connections - usable,
                 usable);
    text_end_line(text, start, 0);
    say_limit("role", finding->role, &sample->scopes[SCOPE_ROLE], text);
    say_limit("database", finding->database, &sample->scopes[SCOPE_DATABASE], text);
}

static void say_notes(const struct finding *finding, struct text *text) {
    if (finding->superuser)
        text_add_line(
            text,
            "  note         %s is a superuser: limits of a role or a database do not hold for it, and "
            "slots that are kept for superusers count as usable",
            finding->role);
    if (finding->sample.invisible_count)
        text_add_line(text,
                      "  BLIND        the state of %" PRId32
                      " sessions cannot be seen, so half of the size is the most in "
                      "force; GRANT pg_monitor TO %s",
                      finding->sample.invisible_count, finding->role);
    if (finding->pooled)
        text_add(
            text,
            "  pooler       a connection pooler is in between: sessions are not shared, and what is promised "
            "of sessions holds for its clients\n");
}

/* Whoever relies on being woken is not to find out later. */
static bool say_wake(const struct taskset *set, uint32_t index, const struct finding *finding,
                     struct text *text) {
    struct wakes wakes = wakes_of_pool(set->wakes, index);
    if (wakes.count && finding->pooled)
        text_add(text,
                 "  DOES NOT WORK: tasks of [pool %s] have wake, and a connection pooler is in between: in "
                 "transaction mode a LISTEN stays with a session that is given to others; give these tasks a "
                 "pool whose conninfo goes straight to the database\n",
                 set->pools[index].name);
    else if (wakes.count && finding->sample.standby)
        text_add(text,
                 "  wake         a standby lets nobody LISTEN: tasks are woken once it is the primary\n");
    return !wakes.count || !finding->pooled;
}

/* As in the dump; here the tasks that are without it are known. */
static void say_timeout(const struct taskset *set, uint32_t index, const struct finding *finding,
                        struct text *text) {
    char timeout[DURATION_TEXT_BYTES];
    size_t start = text->bytes_count;
    uint32_t count = 0;
    if (!sample_lacks_timeout(&finding->sample, set->pools[index].statement_timeout_us))
        return;
    text_add(
        text,
        "  timeout      statement_timeout = %s does not come through with the login: transactions set it, ",
        duration_glance(set->pools[index].statement_timeout_us, timeout));
    for (uint32_t i = 0; i < set->task_count; i++) {
        const struct task *task = &set->tasks[i];
        if (task->pool == index && task->work == WORK_SQL && !task->transaction && count++ < NAMES_MOST)
            text_add(text, "%s%s", count == 1 ? "and it is not in force for " : ", ", task->name);
    }
    if (count > NAMES_MOST)
        text_add(text, " and %" PRIu32 " more", count - NAMES_MOST);
    if (count)
        text_add(text, " (transaction = off); ALTER ROLE %s SET statement_timeout", finding->role);
    else
        text_add(text, "and no task here is without one");
    text_end_line(text, start, 0);
}

static void say_sums(const struct pool_settings *pool, const struct finding *finding, struct text *text) {
    const struct headroom *alone = &finding->alone, *present = &finding->present;
    text_add(text,
             "  budget       %" PRId32 " usable%s - %" PRId32 " reserve - %u for [pool %s] = %" PRId32
             " for the rest of the application\n",
             alone->usable, headroom_scope_words(alone->scope), alone->kept, pool->size, pool->name,
             alone->slots);
    text_add(text,
             "  at present   %" PRId32 " usable%s - %" PRId32 " reserve - %" PRId32
             " in use by others = %" PRId32 " for [pool %s]\n",
             present->usable, headroom_scope_words(present->scope), present->kept, present->foreground,
             present->slots, pool->name);
}

static void say_misfit(const struct pool_settings *pool, const struct headroom *alone, struct text *text) {
    int32_t room = alone->usable - alone->kept;
    if (room <= 0)
        text_add(text,
                 "  DOES NOT FIT: reserve = %u leaves nothing of the %" PRId32
                 " usable slots; only the floor, one session, would ever run\n",
                 pool->reserve, alone->usable);
    else
        text_add(text,
                 "  DOES NOT FIT: size = %u is more than the %" PRId32 " slots%s; write size = %" PRId32 "\n",
                 pool->size, room,
                 alone->scope == SCOPE_SERVER ? " that the reserve leaves"
                                              : headroom_scope_words(alone->scope),
                 room);
}

static bool say_verdict(const struct pool_settings *pool, const struct finding *finding, struct text *text) {
    int64_t free_count = finding->present.slots;
    if (finding->alone.slots < 0)
        say_misfit(pool, &finding->alone, text);
    else if (free_count <= 0 || (free_count == 1 && pool->size > 1))
        text_add(text, "  TIGHT: at present only the floor, one session, would run\n");
    else if (free_count < pool->size)
        text_add(text, "  TIGHT: at present the gate would hold back %" PRId64 " of the %u tokens\n",
                 pool->size - free_count, pool->size);
    else
        text_add(text, "  fits\n");
    return finding->alone.slots >= 0;
}

static bool read_role(const PGresult *role, struct finding *finding) {
    if (!role || !answer_open(&finding->answer, role, COLUMNS, 0, 1))
        return false;
    if (answer_rows(&finding->answer) == 0)
        return answer_refuse(&finding->answer, "its lists do not have our own role");
    finding->role = answer_text(&finding->answer, 0, ROLE);
    finding->database = answer_text(&finding->answer, 0, DATABASE);
    finding->superuser = answer_flag(&finding->answer, 0, IS_SUPERUSER);
    finding->version = answer_text(&finding->answer, 0, VERSION);
    return true;
}

static bool check_budget(PGconn *conn, const struct taskset *set, uint32_t index, uint32_t identity,
                         struct text *text) {
    struct finding finding = {0};
    PGresult *role = ask(conn, role_sql, 0, NULL);
    bool fits = false;
    if (read_role(role, &finding) && look(conn, set, index, identity, &finding)) {
        add_up(&set->pools[index], &finding);
        say_slots(&finding, text);
        say_notes(&finding, text);
        say_timeout(set, index, &finding, text);
        say_sums(&set->pools[index], &finding, text);
        fits = say_wake(set, index, &finding, text);
        fits &= say_verdict(&set->pools[index], &finding, text);
    } else {
        const char *wrong = finding.answer.wrong;
        answer_say_error(text, "  the database cannot be looked at: ", *wrong ? wrong : PQerrorMessage(conn));
    }
    PQclear(role);
    return fits;
}

/* A pooler in statement mode ends the connection at the first BEGIN, and so every task and the history. */
static bool has_transactions(PGconn *conn, struct text *text) {
    static const char *const statements[] = {"BEGIN", "ROLLBACK"};
    bool right = true, came = true;
    for (size_t i = 0; right && i < sizeof statements / sizeof *statements; i++) {
        PGresult *result = inquiry_plain(conn, statements[i]);
        came = result || PQstatus(conn) == CONNECTION_BAD;
        right = PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
    }
    if (right)
        return true;
    if (!came) {
        text_add(text, "  it lets us in and does not answer\n");
        return false;
    }
    answer_say_error(text, "  no transaction can be had: ", PQerrorMessage(conn));
    text_add(text, "  DOES NOT WORK: behind a pooler in statement mode no task can run; write pool_mode = "
                   "transaction or session\n");
    return false;
}

static void say_where(const struct pool_settings *pool, struct text *text) {
    struct text where = {0};
    struct conninfo conninfo = {0};
    char *error = NULL;
    if (conninfo_resolve(pool->conninfo, &conninfo, &error))
        conninfo_describe(&conninfo, &where);
    text_add_line(text, "pool %s: %s", pool->name, where.bytes ? where.bytes : error);
    conninfo_finish(&conninfo);
    free(error);
    text_finish(&where);
}

bool budget_check(const struct taskset *set, uint32_t index, uint32_t identity, const char *daemon_name,
                  struct text *text) {
    const struct pool_settings *pool = &set->pools[index];
    struct text error = {0};
    PGconn *conn = inquiry_log_in(pool, "headgate check", true, &error);
    bool connected = conn != NULL;
    say_where(pool, text);
    if (!connected)
        answer_say_error(text, "  ", error.bytes);
    text_finish(&error);
    bool works = connected && has_transactions(conn, text);
    bool fits = works && check_budget(conn, set, index, identity, text);
    if (works)
        fits &= guards_check(conn, set, index, text);
    if (works && PQstatus(conn) == CONNECTION_OK && pool->history)
        fits &= history_check(conn, set, daemon_name, text);
    PQfinish(conn);
    return fits;
}
