/*
 * What is asked of cron.job, and what it means. Columns that older versions lack are read as if they were
 * there, with what they have by default.
 */
#include "scheduler/import/pg_cron.h"

#include <string.h>

#include "scheduler/import/page.h"
#include "scheduler/import/sql.h"
#include "scheduler/import/when.h"

enum column {
    JOBID,
    SCHEDULE,
    COMMAND,
    NODENAME,
    NODEPORT,
    DATABASE,
    USERNAME,
    ACTIVE,
    JOBNAME,
    ZONE,
    COLUMNS
};

const struct question pg_cron_question = {
    "SELECT j.jobid::text, j.schedule, j.command, to_jsonb(j) ->> 'nodename', to_jsonb(j) ->> 'nodeport',"
    " j.database, j.username, coalesce(to_jsonb(j) ->> 'active', 'true'), to_jsonb(j) ->> 'jobname',"
    " coalesce(current_setting('cron.timezone', true), 'GMT')"
    " FROM cron.job j ORDER BY j.jobid",
    COLUMNS,
    "there is no pg_cron in this database; its table is in the one that cron.database_name names, which is "
    "postgres unless somebody changed it",
};

struct printer {
    const struct table *jobs;
    const struct place_pair *pairs;
    size_t pair_count;
    struct arena arena;
    struct names names;
    struct places places;
    struct text tasks;
    struct import_count count;
};

static const char *cell(const struct printer *p, uint32_t row, enum column column) {
    return table_get(p->jobs, row, (int)column);
}

/* A job runs on the server that has the table, unless it names another one. */
static bool is_elsewhere(const char *node) {
    static const char *const here[] = {"", "localhost", "127.0.0.1", "::1"};
    for (size_t i = 0; i < sizeof here / sizeof *here; i++)
        if (strcmp(node, here[i]) == 0)
            return false;
    return *node != '/';
}

static const char *pool_of(struct printer *p, uint32_t row) {
    static const char *const of_server[] = {"host", "hostaddr", "port", "service"};
    const char *node = cell(p, row, NODENAME);
    bool elsewhere = is_elsewhere(node);
    struct text conninfo = {0};
    if (elsewhere) {
        places_add_pair(&conninfo, "host", node);
        places_add_pair(&conninfo, "port", cell(p, row, NODEPORT));
    }
    for (size_t i = 0; i < p->pair_count; i++) {
        bool is_servers = false;
        for (size_t j = 0; j < sizeof of_server / sizeof *of_server; j++)
            is_servers |= strcmp(p->pairs[i].keyword, of_server[j]) == 0;
        if (!(elsewhere && is_servers))
            places_add_pair(&conninfo, p->pairs[i].keyword, p->pairs[i].value);
    }
    places_add_pair(&conninfo, "dbname", cell(p, row, DATABASE));
    places_add_pair(&conninfo, "user", cell(p, row, USERNAME));
    const char *name =
        places_find(&p->places, conninfo.bytes, cell(p, row, DATABASE), cell(p, row, USERNAME));
    text_finish(&conninfo);
    return name;
}

static const char *name_of(struct printer *p, uint32_t row) {
    struct text wanted = {0};
    const char *jobname = cell(p, row, JOBNAME);
    text_add(&wanted, "%s%s", *jobname ? "" : "job-", *jobname ? jobname : cell(p, row, JOBID));
    const char *name = names_take(&p->names, wanted.bytes);
    text_finish(&wanted);
    return name;
}

static void leave(struct printer *p, uint32_t row, const char *why) {
    page_remark(&p->tasks, "NOT CARRIED OVER, job %s of %s in %s: %s", cell(p, row, JOBID),
                cell(p, row, USERNAME), cell(p, row, DATABASE), why);
    page_keep(&p->tasks, cell(p, row, SCHEDULE));
    page_keep(&p->tasks, cell(p, row, COMMAND));
    text_add(&p->tasks, "\n");
    p->count.left_count++;
}

static void add_task(struct printer *p, uint32_t row, const char *when, const char *sql, const char *pool) {
    const char *jobname = cell(p, row, JOBNAME);
    page_remark(&p->tasks, "Job %s%s%s, which pg_cron ran as %s.", cell(p, row, JOBID), *jobname ? ", " : "",
                jobname, cell(p, row, USERNAME));
    page_section(&p->tasks, "task", name_of(p, row));
    text_add(&p->tasks, "%s%soverlap = queue\npool = %s\n", when, sql, pool);
    if (sql_wants_no_transaction(cell(p, row, COMMAND)))
        text_add(&p->tasks, "transaction = off\n");
    if (!table_flag(p->jobs, row, ACTIVE))
        text_add(&p->tasks, "enabled = off\n");
    text_add(&p->tasks, "\n");
    p->count.task_count++;
}

static void take_job(struct printer *p, uint32_t row) {
    struct text when = {0}, why = {0}, sql = {0};
    const char *pool;
    if (!when_print_pg_cron(&when, cell(p, row, SCHEDULE), &why))
        leave(p, row, why.bytes);
    else if (!sql_print(&sql, "sql", cell(p, row, COMMAND)))
        leave(p, row,
              "its command cannot be written in lines of this file; put it into a file of its own, and "
              "write sql_file = ...");
    else if (!(pool = pool_of(p, row)))
        leave(p, row, "its database would be one pool too many for one file.");
    else
        add_task(p, row, when.bytes, sql.bytes, pool);
    text_finish(&when);
    text_finish(&why);
    text_finish(&sql);
}

const char *pg_cron_zone(const struct table *jobs) {
    return jobs->row_count ? table_get(jobs, 0, ZONE) : "GMT";
}

static void add_head(const struct printer *p, struct text *page) {
    const char *zone = pg_cron_zone(p->jobs);
    struct text key = {0};
    page_remark(page, "From pg_cron's table cron.job: the jobs that this user may see, which are all of them "
                      "for a superuser alone. "
                      "Each pool logs in as the user whose jobs it runs. Passwords are not carried over: a "
                      "passfile is their place.");
    page_remark(page, "To leave pg_cron: UPDATE cron.job SET active = false; and only then start headgate, "
                      "or both run each job.");
    text_add(page, "\n");
    if (!when_zone_is_utc(zone) && page_value(&key, "zone", zone)) {
        page_section(page, "headgate", "");
        text_add(page, "%s\n", key.bytes);
    }
    text_finish(&key);
}

void pg_cron_print(const struct table *jobs, const struct place_pair *pairs, size_t pair_count,
                   struct text *page, struct import_count *ret_count) {
    struct printer p = {.jobs = jobs, .pairs = pairs, .pair_count = pair_count};
    p.names.arena = p.places.names.arena = &p.arena;
    text_add(&p.tasks, "%s", "");
    for (uint32_t row = 0; row < jobs->row_count; row++)
        take_job(&p, row);
    add_head(&p, page);
    places_print(&p.places, page);
    text_add_bytes(page, p.tasks.bytes, p.tasks.bytes_count);
    *ret_count = p.count;
    text_finish(&p.tasks);
    arena_finish(&p.arena);
}
