/*
 * What is asked of timetable.chain, timetable.task and timetable.parameter, and what it means. Columns that
 * some versions lack are read as if they were there, with what they have by default.
 */
#include "scheduler/import/pg_timetable.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/import/chain_sql.h"
#include "scheduler/import/page.h"
#include "scheduler/import/sql.h"
#include "tasks/schedule.h"

#define WORDS_MOST 200 /* of a program */

enum column {
    CHAIN,
    NAME,
    RUN_AT,
    LIVE,
    INSTANCES,
    TIMEOUT,
    SELF_DESTRUCT,
    EXCLUSIVE,
    CLIENT,
    ON_ERROR,
    ZONE,
    INTERVAL_MS,
    TASK,
    KIND,
    COMMAND,
    RUN_AS,
    CONNECTION,
    IGNORE_ERROR,
    AUTONOMOUS,
    TASK_TIMEOUT,
    TASK_LIVE,
    DATABASE,
    USER,
    COLUMNS
};

static const char missing[] = "there is no pg_timetable of version 4 or later in this database";

const struct question pg_timetable_question = {
    "SELECT c.chain_id::text, c.chain_name, c.run_at::text, to_jsonb(c) ->> 'live', to_jsonb(c) ->> "
    "'max_instances',"
    " to_jsonb(c) ->> 'timeout', to_jsonb(c) ->> 'self_destruct', to_jsonb(c) ->> 'exclusive_execution',"
    " to_jsonb(c) ->> 'client_name', to_jsonb(c) ->> 'on_error',"
    " coalesce(to_jsonb(c) ->> 'run_at_time_zone', current_setting('TimeZone')),"
    " CASE WHEN c.run_at::text ~ '^@(every|after)'"
    " THEN (extract(epoch FROM substr(c.run_at::text, 7)::interval) * 1000)::int8::text END,"
    " t.task_id::text, t.kind::text, t.command, t.run_as, t.database_connection, t.ignore_error::text,"
    " t.autonomous::text, to_jsonb(t) ->> 'timeout', coalesce(to_jsonb(t) ->> 'live', 'true'),"
    " current_database(), current_user"
    " FROM timetable.chain c LEFT JOIN timetable.task t ON t.chain_id = c.chain_id"
    " ORDER BY c.chain_id, t.task_order, t.task_id",
    COLUMNS,
    missing,
};

const struct question pg_timetable_parameters_question = {
    "SELECT p.task_id::text, p.order_id::text, e.number::text, e.value #>> '{}', (jsonb_typeof(e.value) = "
    "'null')::text"
    " FROM timetable.parameter p LEFT JOIN LATERAL"
    " jsonb_array_elements(CASE jsonb_typeof(p.value) WHEN 'array' THEN p.value ELSE '[]' END)"
    " WITH ORDINALITY AS e (value, number) ON true"
    " WHERE p.value IS NOT NULL ORDER BY p.task_id, p.order_id, e.number",
    PARAMETER_COLUMNS,
    missing,
};

const int pg_timetable_connection_column = CONNECTION;

struct printer {
    const struct table *tasks, *parameters;
    const struct place_pair *pairs;
    size_t pair_count;
    when_zone_check *knows_zone;
    struct arena arena;
    struct names names;
    struct places places;
    struct text page;
    struct import_count count;
};

/* A chain, or the part of it that is one task here: rows of the table, one a task of pg_timetable's. */
struct chain {
    uint32_t first, end;
    uint32_t *live; /* the rows that are run */
    uint32_t live_count;
};

/* What is printed of it. */
struct draft {
    struct text when, remarks, tasks;
    struct text work, why; /* of the part that is printed; why it cannot be */
};

static const char *cell(const struct printer *p, uint32_t row, enum column column) {
    return table_get(p->tasks, row, (int)column);
}

static bool flag(const struct printer *p, uint32_t row, enum column column) {
    return table_flag(p->tasks, row, (int)column);
}

static int64_t number(const struct printer *p, uint32_t row, enum column column) {
    return strtoll(cell(p, row, column), NULL, 10);
}

static bool is_kind(const struct printer *p, const struct chain *chain, const char *kind) {
    for (uint32_t i = 0; i < chain->live_count; i++)
        if (strcmp(cell(p, chain->live[i], KIND), kind) != 0)
            return false;
    return true;
}

/* Whether all of its tasks have the same there. */
static bool is_same(const struct printer *p, const struct chain *chain, enum column column) {
    for (uint32_t i = 1; i < chain->live_count; i++)
        if (strcmp(cell(p, chain->live[i], column), cell(p, chain->live[0], column)) != 0)
            return false;
    return true;
}

static bool is_any(const struct printer *p, const struct chain *chain, enum column column) {
    for (uint32_t i = 0; i < chain->live_count; i++)
        if (flag(p, chain->live[i], column))
            return true;
    return false;
}

/* --- when --- */

static bool print_interval(const struct printer *p, uint32_t row, struct draft *draft) {
    int64_t ms = number(p, row, INTERVAL_MS);
    if (ms < 1 || ms > SCHEDULE_EVERY_MAX_US / US_PER_MS) {
        text_add(&draft->why, "its interval is none of headgate's, which go from 1ms to 3653d.");
        return false;
    }
    text_add(&draft->when, "every = %" PRId64 "%s\n", ms % 1000 ? ms : ms / 1000, ms % 1000 ? "ms" : "s");
    if (strncmp(cell(p, row, RUN_AT), "@after", strlen("@after")) == 0)
        page_remark(&draft->remarks,
                    "pg_timetable began it so long after its last run had ended; here its runs begin so "
                    "long after each other, and while one is going none begins.");
    return true;
}

static bool print_when(const struct printer *p, uint32_t row, struct draft *draft) {
    const char *run_at = cell(p, row, RUN_AT), *zone = cell(p, row, ZONE);
    if (*cell(p, row, INTERVAL_MS))
        return print_interval(p, row, draft);
    if (!when_print_pg_timetable(&draft->when, *run_at ? run_at : "* * * * *", &draft->why))
        return false;
    if (when_zone_is_utc(zone) || (p->knows_zone(zone) && page_value(&draft->when, "zone", zone)))
        return true;
    text_add(&draft->why, "its times are in the zone '%s', which this machine does not have.", zone);
    return false;
}

/* --- what --- */

static bool print_program(const struct printer *p, const struct chain *chain, struct draft *draft) {
    uint32_t row = chain->live[0], runs = chain_sql_rows(p->parameters, cell(p, row, TASK));
    struct parameters values = chain_sql_parameters(p->parameters, cell(p, row, TASK), 0);
    const char *words[WORDS_MOST + 1];
    size_t count = 0;
    if (runs > 1)
        text_add(&draft->why,
                 "its program is run %" PRIu32
                 " times in a row, each time with other parameters; write a script.",
                 runs);
    words[count++] = cell(p, row, COMMAND);
    for (uint32_t i = 0; i < values.count && count < WORDS_MOST; i++)
        words[count++] = table_get(values.table, values.first + i, PARAMETER_VALUE);
    if (runs <= 1 && (values.count >= WORDS_MOST || !page_words(&draft->work, "command", words, count)))
        text_add(&draft->why, "its program's words cannot be written in lines of this file; write a script.");
    text_add(&draft->work, "tokens = 0\n");
    page_remark(
        &draft->remarks,
        "tokens = 0 is your word that it never touches the database; it runs as the daemon's user, in the "
        "folder of this file.");
    return draft->why.bytes_count == 0;
}

static void add_role(struct text *sql, const char *role) {
    text_add(sql, *role ? "SET LOCAL ROLE " : "RESET ROLE");
    if (*role)
        chain_sql_add_name(sql, role);
    text_add(sql, ";\n");
}

/* All of the tasks, in one transaction as before. Each with its own role. */
static bool print_sql(const struct printer *p, const struct chain *chain, struct draft *draft) {
    struct text sql = {0};
    const char *role = "";
    bool is_autonomous = flag(p, chain->live[0], AUTONOMOUS), right = true;
    for (uint32_t i = 0; i < chain->live_count; i++) {
        uint32_t row = chain->live[i];
        if (!is_autonomous && strcmp(cell(p, row, RUN_AS), role) != 0)
            add_role(&sql, role = cell(p, row, RUN_AS));
        right &= chain_sql_add(&sql, p->parameters, cell(p, row, TASK), cell(p, row, COMMAND));
    }
    if (!right)
        text_add(&draft->why, "it takes a parameter that it does not have.");
    else if (!sql_print(&draft->work, "sql", sql.bytes))
        text_add(
            &draft->why,
            "its SQL cannot be written in lines of this file; put it into a file, and write sql_file = ...");
    if (is_autonomous)
        text_add(&draft->work, "transaction = off\n");
    text_finish(&sql);
    return draft->why.bytes_count == 0;
}

/* What no part of it can be. */
static bool refuse_chain(const struct printer *p, const struct chain *chain, struct text *why) {
    if (chain->live_count == 0)
        text_add(why, "it has no task.");
    else if (flag(p, chain->first, SELF_DESTRUCT))
        text_add(why, "it deletes itself when it has run once; a task without every and cron runs when it is "
                      "triggered.");
    for (uint32_t i = 0; i < chain->live_count && why->bytes_count == 0; i++)
        if (strcmp(cell(p, chain->live[i], KIND), "BUILTIN") == 0)
            text_add(why, "%s is a work of pg_timetable itself; write a command that does it.",
                     cell(p, chain->live[i], COMMAND));
    return why->bytes_count > 0;
}

/* SQL that was one transaction stays one. */
static bool is_one_task(const struct printer *p, const struct chain *chain) {
    return chain->live_count == 1 || (is_kind(p, chain, "SQL") && is_same(p, chain, CONNECTION) &&
                                      !is_any(p, chain, IGNORE_ERROR) && !is_any(p, chain, AUTONOMOUS));
}

/* NULL after saying why. */
static const char *pool_of(struct printer *p, const struct chain *chain, struct draft *draft) {
    uint32_t row = chain->live[0];
    const char *connection = strcmp(cell(p, row, KIND), "SQL") == 0 ? cell(p, row, CONNECTION) : "", *name;
    struct text conninfo = {0};
    if (strcmp(connection, "?") == 0) {
        text_add(&draft->why, "libpq cannot read its database_connection.");
        return NULL;
    }
    for (size_t i = 0; i < p->pair_count && !*connection; i++)
        places_add_pair(&conninfo, p->pairs[i].keyword, p->pairs[i].value);
    if (*connection) {
        text_add(&conninfo, "%s", connection);
        name = places_find(&p->places, conninfo.bytes, "remote", "");
    } else {
        places_add_pair(&conninfo, "dbname", cell(p, row, DATABASE));
        places_add_pair(&conninfo, "user", cell(p, row, USER));
        name = places_find(&p->places, conninfo.bytes, cell(p, row, DATABASE), cell(p, row, USER));
    }
    if (!name)
        text_add(&draft->why, "its database would be one pool too many for one file.");
    text_finish(&conninfo);
    return name;
}

/* --- the rest --- */

static void add_remarks(const struct printer *p, const struct chain *chain, struct draft *draft) {
    uint32_t row = chain->first;
    if (*cell(p, row, CLIENT))
        page_remark(&draft->remarks, "NOT CARRIED OVER: only the client %s ran it.", cell(p, row, CLIENT));
    if (flag(p, row, EXCLUSIVE))
        page_remark(&draft->remarks, "NOT CARRIED OVER: no other chain ran beside it (exclusive_execution).");
    if (*cell(p, row, ON_ERROR)) {
        page_remark(&draft->remarks, "NOT CARRIED OVER: after a failure this was run (on_error):");
        page_keep(&draft->remarks, cell(p, row, ON_ERROR));
    }
}

/* The shorter one that is in force; 0: none. */
static int64_t timeout_ms(const struct printer *p, const struct chain *part) {
    int64_t of_chain = number(p, part->first, TIMEOUT);
    int64_t of_task = part->live_count == 1 ? number(p, part->live[0], TASK_TIMEOUT) : 0;
    return of_chain > 0 && (of_task <= 0 || of_chain < of_task) ? of_chain : of_task > 0 ? of_task : 0;
}

/* before: the task that it comes after, and the row of that; NULL: it is the first. Returns its name, or NULL
 * after saying why. */
static const char *add_part(struct printer *p, const struct chain *part, const char *before,
                            uint32_t before_row, struct draft *draft) {
    uint32_t row = part->first;
    bool is_sql = is_kind(p, part, "SQL");
    text_clear(&draft->work);
    if (!(is_sql ? print_sql(p, part, draft) : print_program(p, part, draft)))
        return NULL;
    const char *pool = pool_of(p, part, draft),
               *name = pool ? names_take(&p->names, cell(p, row, NAME)) : NULL;
    int64_t ms = timeout_ms(p, part);
    if (!name)
        return NULL;
    page_section(&draft->tasks, "task", name);
    if (before)
        text_add(&draft->tasks, "after = %s\n%s", before,
                 flag(p, before_row, IGNORE_ERROR) ? "after_outcome = any\n" : "");
    else
        text_add(&draft->tasks, "%s", draft->when.bytes);
    text_add(&draft->tasks, "%spool = %s\n", draft->work.bytes, pool);
    if (ms)
        text_add(&draft->tasks, "timeout = %" PRId64 "ms\n", ms);
    if (!before && number(p, row, INSTANCES) != 1 &&
        strncmp(cell(p, row, RUN_AT), "@after", strlen("@after")) != 0)
        text_add(&draft->tasks, "overlap = allow\n");
    text_add(&draft->tasks, "%s\n", flag(p, row, LIVE) ? "" : "enabled = off\n");
    return name;
}

/* All of it as one task, or each of its tasks after the one before it. */
static bool add_parts(struct printer *p, const struct chain *chain, struct draft *draft) {
    bool is_one = is_one_task(p, chain);
    uint32_t count = is_one ? 1 : chain->live_count;
    const char *name = NULL;
    for (uint32_t i = 0; i < count; i++) {
        struct chain part = *chain;
        if (!is_one)
            part.live = &chain->live[i], part.live_count = 1;
        name = add_part(p, &part, name, i ? chain->live[i - 1] : 0, draft);
        if (!name)
            return false;
    }
    if (!is_one)
        page_remark(&draft->remarks, "Its tasks of SQL were one transaction, unless one of them was "
                                     "autonomous; here each has its own, "
                                     "and runs when the one before it has ended.");
    p->count.task_count += count;
    return true;
}

static void leave(struct printer *p, const struct chain *chain, const char *why) {
    page_remark(&p->page, "NOT CARRIED OVER, chain %s, %s: %s", cell(p, chain->first, CHAIN),
                cell(p, chain->first, NAME), why);
    page_keep(&p->page, cell(p, chain->first, RUN_AT));
    for (uint32_t row = chain->first; row < chain->end; row++)
        page_keep(&p->page, cell(p, row, COMMAND));
    text_add(&p->page, "\n");
    p->count.left_count++;
}

static void take_chain(struct printer *p, const struct chain *chain) {
    struct draft draft = {0};
    uint32_t row = chain->first;
    if (!refuse_chain(p, chain, &draft.why) && print_when(p, row, &draft) && add_parts(p, chain, &draft)) {
        add_remarks(p, chain, &draft);
        page_remark(&p->page, "Chain %s, %s.", cell(p, row, CHAIN), cell(p, row, NAME));
        text_add(&p->page, "%s%s", draft.remarks.bytes ? draft.remarks.bytes : "", draft.tasks.bytes);
    } else {
        leave(p, chain, draft.why.bytes);
    }
    text_finish(&draft.when);
    text_finish(&draft.work);
    text_finish(&draft.tasks);
    text_finish(&draft.remarks);
    text_finish(&draft.why);
}

static void take_all(struct printer *p) {
    uint32_t count = p->tasks->row_count;
    struct chain chain = {.live = arena_alloc(&p->arena, (count + 1) * sizeof *chain.live)};
    for (uint32_t row = 0; row < count; row = chain.end) {
        chain.first = row;
        chain.live_count = 0;
        for (chain.end = row;
             chain.end < count && strcmp(cell(p, chain.end, CHAIN), cell(p, row, CHAIN)) == 0; chain.end++)
            if (*cell(p, chain.end, TASK) && flag(p, chain.end, TASK_LIVE))
                chain.live[chain.live_count++] = chain.end;
        take_chain(p, &chain);
    }
}

void pg_timetable_print(const struct table *tasks, const struct table *parameters,
                        const struct place_pair *pairs, size_t pair_count, when_zone_check *knows_zone,
                        struct text *page, struct import_count *ret_count) {
    struct printer p = {.tasks = tasks,
                        .parameters = parameters,
                        .pairs = pairs,
                        .pair_count = pair_count,
                        .knows_zone = knows_zone};
    p.names.arena = p.places.names.arena = &p.arena;
    text_add(&p.page, "%s", "");
    take_all(&p);
    page_remark(page,
                "From pg_timetable's chains. Passwords are not carried over: a passfile is their place.");
    page_remark(page,
                "To leave pg_timetable: stop it, and only then start headgate, or both run each chain.");
    text_add(page, "\n");
    places_print(&p.places, page);
    text_add_bytes(page, p.page.bytes, p.page.bytes_count);
    *ret_count = p.count;
    text_finish(&p.page);
    arena_finish(&p.arena);
}
