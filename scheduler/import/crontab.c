#include "scheduler/import/crontab.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/import/crontab_line.h"
#include "scheduler/import/names.h"
#include "scheduler/import/page.h"
#include "scheduler/import/shell.h"
#include "scheduler/import/when.h"
#include "tasks/arena.h"

#define BLANKS           " \t"
#define ENVIRONMENT_MOST 100 /* variables */

/* What was added to the page last: a comment stands right above its job, all else apart. */
enum above { ABOVE_NOTHING, ABOVE_COMMENT, ABOVE_TASK };

struct reader {
    struct text *page;
    struct arena arena;
    struct names names;
    struct import_count count;
    enum crontab_kind kind;
    when_zone_check *knows_zone;
    enum above above;
    uint32_t line; /* the one that is read */
    /* in force for the jobs that follow */
    const char *shell;
    const char *zone; /* CRON_TZ; NULL: the machine's */
    const char *environment[ENVIRONMENT_MOST];
    size_t environment_count;
};

/* --- comments --- */

static void stand_apart(struct reader *r) {
    if (r->page->bytes_count)
        text_add(r->page, "\n");
    r->above = ABOVE_COMMENT;
}

static void leave(struct reader *r, const char *line, const char *why) {
    if (r->above != ABOVE_COMMENT)
        stand_apart(r);
    page_remark(r->page, "NOT CARRIED OVER, line %u: %s", r->line, why);
    page_keep(r->page, line);
    r->count.left_count++;
    r->above = ABOVE_TASK;
}

static void take_comment(struct reader *r, const char *line) {
    if (r->above == ABOVE_TASK)
        stand_apart(r);
    page_comment(r->page, line);
    r->above = ABOVE_COMMENT;
}

/* --- variables --- */

/* env(1) takes what begins otherwise for an option or a program. */
static bool is_variable(const char *name) {
    const char *letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    return !strchr("0123456789", *name) && name[strspn(name, letters)] == '\0';
}

static void set_environment(struct reader *r, const char *name, const char *value) {
    size_t length = strlen(name), place = 0;
    struct text pair = {0};
    text_add(&pair, "%s=%s", name, value);
    while (place < r->environment_count &&
           (strncmp(r->environment[place], name, length) != 0 || r->environment[place][length] != '='))
        place++;
    if (is_variable(name) && place < ENVIRONMENT_MOST && page_holds_word(pair.bytes)) {
        r->environment[place] = arena_text(&r->arena, pair.bytes, pair.bytes_count);
        r->environment_count += place == r->environment_count;
    } else {
        page_remark(r->page,
                    "NOT CARRIED OVER, line %u: %s has no name of a variable, is too long for a line, or is "
                    "one too many.",
                    r->line, name);
    }
    text_finish(&pair);
}

static void take_variable(struct reader *r, const char *name, const char *value) {
    if (strcmp(name, "SHELL") == 0 && shell_is_plain_path(value)) {
        r->shell = arena_text(&r->arena, value, strlen(value));
        return;
    }
    if (strcmp(name, "CRON_TZ") == 0) {
        r->zone = arena_text(&r->arena, value, strlen(value));
        return;
    }
    if (strcmp(name, "MAILTO") == 0 && *value == '\0') /* no mail: as here */
        return;
    if (r->above == ABOVE_TASK)
        stand_apart(r);
    if (strcmp(name, "MAILTO") == 0 || strcmp(name, "MAILFROM") == 0 || strncmp(name, "CONTENT_", 8) == 0)
        page_remark(r->page,
                    "NOT CARRIED OVER, line %u: %s=%s. headgate sends no mail: what a command that fails has "
                    "said is in the log.",
                    r->line, name, value);
    else if (strcmp(name, "SHELL") == 0)
        page_remark(r->page,
                    "NOT CARRIED OVER, line %u: SHELL=%s is no path of a shell; the tasks below have %s.",
                    r->line, value, r->shell);
    else if (strcmp(name, "RANDOM_DELAY") == 0)
        page_remark(r->page,
                    "NOT CARRIED OVER, line %u: RANDOM_DELAY=%s. The tasks below begin on time; spread = "
                    "10min, say, puts one off.",
                    r->line, value);
    else
        set_environment(r, name, value);
}

/* --- jobs --- */

/* The keys of its time. */
static bool print_when(const struct reader *r, const char *schedule, struct text *when, struct text *why) {
    if (!when_print(when, schedule, why))
        return false;
    if (!r->zone || (r->knows_zone(r->zone) && page_value(when, "zone", r->zone)))
        return true;
    text_add(why, "CRON_TZ=%s is no time zone of this machine.", r->zone);
    return false;
}

/* In its user's home, as cron does it. */
static const char *at_home(struct arena *arena, const char *command) {
    struct text text = {0};
    text_add(&text, strncmp(command, "cd ", 3) == 0 ? "%s" : "cd; %s", command);
    const char *whole = arena_text(arena, text.bytes, text.bytes_count);
    text_finish(&text);
    return whole;
}

static void add_remarks(struct reader *r, const struct crontab_job *job, const char *command) {
    const char *client = shell_find_client(command);
    if (job->user)
        page_remark(r->page, "cron ran it as %s; headgate runs it as the daemon's user.", job->user);
    if (client)
        page_remark(r->page,
                    "It calls %s. Its sessions are in no budget until tokens says how many they are, and its "
                    "pool where.",
                    client);
}

static void take_job(struct reader *r, const char *line, const struct crontab_job *job) {
    struct arena arena = {0};
    struct shell_job shell = {
        .shell = r->shell, .environment = r->environment, .environment_count = r->environment_count};
    struct text name = {0}, command = {0}, when = {0}, why = {0};
    const char **input;
    const char *plain = crontab_split_input(&arena, job->command, &input, &shell.input_count);
    shell.command = at_home(&arena, plain);
    shell.input = input;
    text_add(&name, "%s", "");
    shell_name(&name, plain);
    if (!print_when(r, job->schedule, &when, &why))
        leave(r, line, why.bytes);
    else if (*plain == '\0')
        leave(r, line, "there is no command.");
    else if (!shell_print(&command, &shell))
        leave(r, line, "its command cannot be written in lines of this file.");
    else {
        if (r->above != ABOVE_COMMENT)
            stand_apart(r);
        add_remarks(r, job, plain);
        page_section(r->page, "task", names_take(&r->names, name.bytes));
        text_add(r->page, "%s%stokens = 0\n", when.bytes, command.bytes);
        r->count.task_count++;
        r->above = ABOVE_TASK;
    }
    arena_finish(&arena);
    text_finish(&name);
    text_finish(&command);
    text_finish(&when);
    text_finish(&why);
}

/* --- the whole --- */

static void add_head(struct reader *r, const char *zone) {
    struct text key = {0};
    page_remark(r->page,
                "From a %s crontab. Commands begin in the home directory of their user, as cron does it: "
                "hence the cd.",
                r->kind == CRONTAB_SYSTEM ? "system's" : "user's");
    page_remark(r->page,
                "What is due while its last run is still going is skipped; cron runs both: overlap = allow.");
    if (!*zone)
        page_remark(r->page, "cron goes by its machine's local time. Which zone that is was not known here: "
                             "this file goes by UTC.");
    text_add(r->page, "\n");
    if (page_value(&key, "zone", zone)) {
        page_section(r->page, "headgate", "");
        text_add(r->page, "%s\n", key.bytes);
    }
    text_finish(&key);
    page_remark(r->page, "A file has a pool, and its tasks of SQL go there. Those below are commands of "
                         "tokens = 0, that is, your word that "
                         "they never touch the database: none of them opens a session here.");
    page_section(r->page, "pool", "main");
    text_add(r->page, "size = 4\n");
    r->above = ABOVE_TASK;
}

static void take_line(struct reader *r, const char *line) {
    const char *start = line + strspn(line, BLANKS), *name, *value;
    char *copy = text_copy(line);
    struct crontab_job job;
    r->line++;
    if (*start == '\0') {
        if (r->above == ABOVE_COMMENT)
            r->above = ABOVE_TASK; /* what follows stands apart */
    } else if (*start == '#') {
        take_comment(r, start);
    } else if (crontab_read_variable(copy, &name, &value)) {
        take_variable(r, name, value);
    } else {
        free(copy);
        copy = text_copy(line);
        if (crontab_read_job(copy, r->kind == CRONTAB_SYSTEM, &job))
            take_job(r, start, &job);
        else
            leave(r, start, "this is no line of a crontab.");
    }
    free(copy);
}

/* Calls `take` for each line, without what ends it. */
static void each_line(const char *text, void (*take)(void *context, const char *line), void *context) {
    struct text line = {0};
    while (*text) {
        size_t length = strcspn(text, "\n");
        text_clear(&line);
        text_add_bytes(&line, text, length);
        if (length > 0 && text[length - 1] == '\r')
            line.bytes[length - 1] = '\0';
        take(context, line.bytes);
        text += length + (text[length] == '\n');
    }
    text_finish(&line);
}

static void take_line_of(void *context, const char *line) {
    take_line(context, line);
}

void crontab_print(const char *text, enum crontab_kind kind, const char *zone, when_zone_check *knows_zone,
                   struct text *page, struct import_count *ret_count) {
    struct reader r = {.page = page, .kind = kind, .knows_zone = knows_zone, .shell = SHELL_DEFAULT};
    r.names.arena = &r.arena;
    add_head(&r, zone);
    each_line(text, take_line_of, &r);
    *ret_count = r.count;
    arena_finish(&r.arena);
}

/* --- which kind --- */

struct guess {
    bool (*is_user)(const char *name);
    uint32_t jobs, like_users, known;
    bool has_root;
};

static bool looks_like_user(const char *word) {
    return strchr("abcdefghijklmnopqrstuvwxyz_", *word) &&
           word[strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0';
}

static void guess_line(void *context, const char *line) {
    struct guess *guess = context;
    const char *start = line + strspn(line, BLANKS), *name, *value;
    char *copy = text_copy(line);
    struct crontab_job job;
    if (*start == '\0' || *start == '#' || crontab_read_variable(copy, &name, &value)) {
        free(copy);
        return;
    }
    free(copy);
    copy = text_copy(line);
    guess->jobs++;
    if (crontab_read_job(copy, true, &job) && looks_like_user(job.user)) {
        guess->like_users++;
        guess->known += guess->is_user(job.user);
        guess->has_root |= strcmp(job.user, "root") == 0;
    }
    free(copy);
}

enum crontab_kind crontab_kind_of(const char *text, bool (*is_user)(const char *name)) {
    struct guess guess = {.is_user = is_user};
    each_line(text, guess_line, &guess);
    bool is_system =
        guess.jobs > 0 && guess.like_users == guess.jobs && (guess.known == guess.jobs || guess.has_root);
    return is_system ? CRONTAB_SYSTEM : CRONTAB_USER;
}
