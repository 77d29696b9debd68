#include "scheduler/import/crontab.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/import/names.h"
#include "scheduler/import/page.h"
#include "scheduler/import/shell.h"
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
    enum above above;
    uint32_t line; /* the one that is read */
    /* in force for the jobs that follow */
    const char *shell;
    const char *zone; /* CRON_TZ; NULL: the machine's */
    const char *environment[ENVIRONMENT_MOST];
    size_t environment_count;
};

/* A line that says when something runs. All are pieces of a copy of the line. */
struct job {
    const char *special; /* @daily; NULL: five fields */
    const char *fields[5];
    const char *user;    /* NULL: it has none */
    const char *command; /* as it stands, % and all */
};

/* --- a line's parts --- */

/* The next word, ended in place; NULL: there is none. */
static char *take_word(char **at) {
    char *word = *at + strspn(*at, BLANKS);
    char *end = word + strcspn(word, BLANKS);
    *at = end + (*end != '\0');
    *end = '\0';
    return end > word ? word : NULL;
}

/* `line` is cut into pieces. */
static bool read_job(char *line, enum crontab_kind kind, struct job *ret) {
    char *at = line + strspn(line, BLANKS);
    bool complete = true;
    *ret = (struct job){0};
    if (*at == '@')
        ret->special = take_word(&at);
    else {
        at += *at == '-'; /* SUSE's and cronie's: do not log it */
        for (int i = 0; i < 5; i++)
            complete &= (ret->fields[i] = take_word(&at)) != NULL;
    }
    if (kind == CRONTAB_SYSTEM)
        complete &= (ret->user = take_word(&at)) != NULL;
    ret->command = at + strspn(at, BLANKS);
    return complete && *ret->command;
}

/* NAME = value, as cron reads it: quotes around either go, and so do blanks around the whole. False: it is no
 * such line. */
static bool read_variable(char *line, const char **ret_name, const char **ret_value) {
    char *at = line + strspn(line, BLANKS), *name = at, *end;
    if (*at == '"' || *at == '\'') {
        name = at + 1;
        end = strchr(name, *at);
        at = end ? end + 1 : at;
    } else {
        at += strcspn(at, BLANKS "=");
        end = at;
    }
    at += strspn(at, BLANKS);
    if (!end || end == name || *at != '=')
        return false;
    *end = '\0';
    at += 1 + strspn(at + 1, BLANKS);
    size_t length = strlen(at);
    while (length > 0 && strchr(BLANKS, at[length - 1]))
        length--;
    if (length >= 2 && (*at == '"' || *at == '\'') && at[length - 1] == *at) {
        at++;
        length -= 2;
    }
    at[length] = '\0';
    *ret_name = name;
    *ret_value = at;
    return true;
}

/*
 * What the shell gets: up to the first % that has no backslash before it. Lines of input follow, each up to
 * the next one. Such a backslash goes.
 */
static const char *split_input(struct arena *arena, const char *command, const char ***ret_lines,
                               size_t *ret_count) {
    size_t length = strlen(command), count = 0, lines = 1;
    char *copy = arena_alloc(arena, length + 1), *out = copy;
    for (const char *at = command; *at; at++)
        lines += *at == '%';
    const char **starts = arena_alloc(arena, lines * sizeof *starts);
    starts[count++] = copy;
    for (const char *at = command; *at; at++) {
        if (*at == '%') {
            *out++ = '\0';
            starts[count++] = out;
        } else {
            at += at[0] == '\\' && at[1] == '%';
            *out++ = *at;
        }
    }
    *ret_lines = starts + 1;
    *ret_count = count - 1;
    if (*ret_count && *starts[count - 1] == '\0') /* the newline at the end of the last line */
        --*ret_count;
    return copy;
}

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

static void set_environment(struct reader *r, const char *name, const char *value) {
    size_t length = strlen(name), place = 0;
    struct text pair = {0};
    text_add(&pair, "%s=%s", name, value);
    while (place < r->environment_count &&
           (strncmp(r->environment[place], name, length) != 0 || r->environment[place][length] != '='))
        place++;
    if (place < ENVIRONMENT_MOST && page_holds_word(pair.bytes)) {
        r->environment[place] = arena_text(&r->arena, pair.bytes, pair.bytes_count);
        r->environment_count += place == r->environment_count;
    } else {
        page_remark(r->page,
                    "NOT CARRIED OVER, line %u: %s is too long for a line of this file, or is one too many.",
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
    else if (strcmp(name, "RANDOM_DELAY") == 0)
        page_remark(r->page, "NOT CARRIED OVER, line %u: RANDOM_DELAY=%s. The tasks below begin on time.",
                    r->line, value);
    else
        set_environment(r, name, value);
}

/* --- jobs --- */

static void add_when(struct reader *r, const struct job *job) {
    struct text when = {0};
    if (job->special)
        text_add(&when, "%s",
                 strcmp(job->special, "@midnight") == 0   ? "@daily"
                 : strcmp(job->special, "@annually") == 0 ? "@yearly"
                                                          : job->special);
    else
        text_add(&when, "%s %s %s %s %s", job->fields[0], job->fields[1], job->fields[2], job->fields[3],
                 job->fields[4]);
    bool held = page_value(r->page, "cron", when.bytes);
    assert(held); /* refuse_when() was asked before */
    text_finish(&when);
    if (r->zone && !page_value(r->page, "zone", r->zone))
        page_remark(r->page, "CRON_TZ=%s is no name of a zone.", r->zone);
}

/* NULL: it can be written. */
static const char *refuse_when(const struct job *job) {
    static const char *const known[] = {"@hourly",  "@daily",  "@midnight", "@weekly",
                                        "@monthly", "@yearly", "@annually"};
    size_t length = 0;
    if (job->special && (strcmp(job->special, "@reboot") == 0 || strcmp(job->special, "@restart") == 0))
        return "no clock says when the machine starts; a systemd unit with WantedBy=multi-user.target does "
               "that.";
    for (size_t i = 0; job->special && i < sizeof known / sizeof *known; i++)
        if (strcmp(job->special, known[i]) == 0)
            return NULL;
    if (job->special)
        return "Debian's cron does not know when that is.";
    for (int i = 0; i < 5; i++) {
        if (strchr(job->fields[i], '~'))
            return "it lets cron draw a time; write one, and spread = 10min, say.";
        if (job->fields[i][strspn(job->fields[i],
                                  "0123456789*,-/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")])
            return "Debian's cron does not know when that is.";
        length += strlen(job->fields[i]);
    }
    return length > 150 ? "its time is too long for a line of this file." : NULL;
}

/* In its user's home, as cron does it. */
static const char *at_home(struct arena *arena, const char *command) {
    struct text text = {0};
    text_add(&text, strncmp(command, "cd ", 3) == 0 ? "%s" : "cd; %s", command);
    const char *whole = arena_text(arena, text.bytes, text.bytes_count);
    text_finish(&text);
    return whole;
}

static void add_remarks(struct reader *r, const struct job *job, const char *command) {
    const char *client = shell_find_client(command);
    if (job->user)
        page_remark(r->page, "cron ran it as %s; headgate runs it as the daemon's user.", job->user);
    if (client)
        page_remark(r->page,
                    "It calls %s. Its sessions are in no budget until tokens says how many they are, and its "
                    "pool where.",
                    client);
}

static void take_job(struct reader *r, const char *line, const struct job *job) {
    struct arena arena = {0};
    struct shell_job shell = {
        .shell = r->shell, .environment = r->environment, .environment_count = r->environment_count};
    struct text name = {0}, command = {0};
    const char **input;
    const char *plain = split_input(&arena, job->command, &input, &shell.input_count);
    const char *why = refuse_when(job);
    shell.command = at_home(&arena, plain);
    shell.input = input;
    text_add(&name, "%s", "");
    shell_name(&name, plain);
    if (!why && *plain == '\0')
        why = "there is no command.";
    if (!why && !shell_print(&command, &shell))
        why = "its command cannot be written in lines of this file.";
    if (why) {
        leave(r, line, why);
    } else {
        if (r->above != ABOVE_COMMENT)
            stand_apart(r);
        add_remarks(r, job, plain);
        page_section(r->page, "task", names_take(&r->names, name.bytes));
        add_when(r, job);
        text_add(r->page, "%stokens = 0\n", command.bytes);
        r->count.task_count++;
        r->above = ABOVE_TASK;
    }
    arena_finish(&arena);
    text_finish(&name);
    text_finish(&command);
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
    struct job job;
    r->line++;
    if (*start == '\0') {
        if (r->above == ABOVE_COMMENT)
            r->above = ABOVE_TASK; /* what follows stands apart */
    } else if (*start == '#') {
        take_comment(r, start);
    } else if (read_variable(copy, &name, &value)) {
        take_variable(r, name, value);
    } else {
        free(copy);
        copy = text_copy(line);
        if (read_job(copy, r->kind, &job))
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

void crontab_print(const char *text, enum crontab_kind kind, const char *zone, struct text *page,
                   struct import_count *ret_count) {
    struct reader r = {.page = page, .kind = kind, .shell = SHELL_DEFAULT};
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
    struct job job;
    if (*start == '\0' || *start == '#' || read_variable(copy, &name, &value)) {
        free(copy);
        return;
    }
    free(copy);
    copy = text_copy(line);
    guess->jobs++;
    if (read_job(copy, CRONTAB_SYSTEM, &job) && looks_like_user(job.user)) {
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
