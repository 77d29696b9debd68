/*
 * `headgate import`: prints an ini file for what another scheduler knows. The printing is pure
 * (scheduler/import); what it needs is read here.
 */
#include "scheduler/commands/arguments.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pool/ask/inventory.h"
#include "pool/conninfo.h"
#include "scheduler/daemon/load.h"
#include "scheduler/import/crontab.h"
#include "scheduler/import/pg_cron.h"
#include "scheduler/import/pg_timetable.h"
#include "scheduler/terminal.h"

#define CRONTAB_BYTES_MOST ((size_t)16 * 1024 * 1024) /* of 256 KiB cron itself takes no more */

/* --- what all kinds end with --- */

/* To a terminal without what steers it; to a file as it is. */
static void print_page(const struct text *page) {
    if (isatty(STDOUT_FILENO))
        terminal_say(stdout, "%s", page->bytes);
    else
        fwrite(page->bytes, 1, page->bytes_count, stdout);
}

/* Says on standard error what the page has. A file without a task would not run. */
static int conclude(const struct text *page, const char *from, const struct import_count *count) {
    struct text left = {0};
    if (count->task_count == 0 && count->left_count == 0)
        return terminal_complain("%s has no job", from);
    print_page(page);
    fflush(stdout); /* before what is said of it */
    if (count->left_count)
        text_add(&left, "; not carried over: %" PRIu32 ", see the comments NOT CARRIED OVER",
                 count->left_count);
    terminal_say(stderr, "%s: %" PRIu32 " task%s%s\n", from, count->task_count,
                 text_plural(count->task_count), left.bytes ? left.bytes : "");
    text_finish(&left);
    return count->task_count ? COMMAND_FINE : COMMAND_FAILS;
}

/* --- crontab --- */

struct crontab_request {
    struct arguments arguments;
    const char *zone;
    bool system, user;
};

static const struct option_spec crontab_options[] = {
    {.key = {"system", KEY_SWITCH, offsetof(struct crontab_request, system)},
     .help = "its lines have the user before the command, as in /etc/crontab and /etc/cron.d"},
    {.key = {"user", KEY_SWITCH, offsetof(struct crontab_request, user)},
     .help = "they have not, as in crontab -l. Without either: by where FILE is, and by what\n"
             "stands in its sixth column"},
    {.key = {"zone", KEY_TEXT, offsetof(struct crontab_request, zone)},
     .value = "NAME",
     .help = "the time zone of the machine that it is from; without it, this machine's"},
    {.help = NULL},
};

static bool read_all(int fd, struct text *text) {
    char chunk[65536];
    ssize_t got;
    text_add(text, "%s", "");
    while ((got = read(fd, chunk, sizeof chunk)) > 0 && text->bytes_count <= CRONTAB_BYTES_MOST)
        text_add_bytes(text, chunk, (size_t)got);
    if (text->bytes_count > CRONTAB_BYTES_MOST)
        errno = EFBIG;
    else if (got == 0 && memchr(text->bytes, '\0', text->bytes_count))
        errno = EILSEQ; /* a NUL: this is no text */
    else
        return got == 0;
    return false;
}

static bool read_crontab(const char *path, struct text *text) {
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    bool came = fd >= 0 && read_all(fd, text);
    if (!came)
        terminal_complain("%s cannot be read: %s", path, strerror(errno));
    if (fd >= 0 && !is_stdin)
        close(fd);
    return came;
}

static bool is_user(const char *name) {
    return getpwnam(name) != NULL;
}

/* Where cron looks for those of the system. */
static bool is_systems_path(const char *path) {
    static const char folder[] = "/etc/cron.d/";
    char real[PATH_MAX];
    return realpath(path, real) &&
           (strcmp(real, "/etc/crontab") == 0 || strncmp(real, folder, sizeof folder - 1) == 0);
}

static enum crontab_kind find_kind(const struct crontab_request *request, const char *text) {
    if (request->user)
        return CRONTAB_USER;
    if (request->system || is_systems_path(request->arguments.file))
        return CRONTAB_SYSTEM;
    return crontab_kind_of(text, is_user);
}

/* The machine's, by what /etc/localtime points to, or else by Debian's /etc/timezone; "": neither says it. */
static void find_zone(struct text *zone) {
    static const char folder[] = "/zoneinfo/";
    char target[PATH_MAX] = "";
    ssize_t length = readlink("/etc/localtime", target, sizeof target - 1);
    target[length > 0 ? length : 0] = '\0';
    const char *below = strstr(target, folder);
    FILE *file = below ? NULL : fopen("/etc/timezone", "re");
    if (below)
        text_add(zone, "%s", below + sizeof folder - 1);
    else if (file && fgets(target, sizeof target, file))
        text_add(zone, "%.*s", (int)strcspn(target, " \t\n"), target);
    else
        text_add(zone, "%s", "");
    if (file)
        fclose(file);
}

static int import_crontab(int argc, char **argv);

static const struct command crontab_command = {
    .name = "import crontab",
    .usage = "import crontab FILE [--system | --user] [--zone NAME]",
    .about =
        "Prints an ini file for the crontab FILE (-: standard input, as in crontab -l | headgate import\n"
        "crontab -). What cannot be carried over is a comment that says so.\n",
    .options = crontab_options,
    .run = import_crontab,
};

static int import_crontab(int argc, char **argv) {
    struct crontab_request request = {0};
    struct text text = {0}, zone = {0}, page = {0};
    struct import_count count;
    int code = arguments_read(&crontab_command, argc, argv, &request);
    if (code >= 0)
        return code;
    if (request.system && request.user)
        return arguments_refuse(&crontab_command, "--system or --user: keep one");
    if (request.zone && *request.zone && !load_knows_zone(request.zone))
        return arguments_refuse(&crontab_command, "this machine has no time zone '%.60s'", request.zone);
    code = COMMAND_FAILS;
    if (read_crontab(request.arguments.file, &text)) {
        if (request.zone)
            text_add(&zone, "%s", request.zone);
        else
            find_zone(&zone);
        if (!load_knows_zone(zone.bytes))
            text_clear(&zone);
        text_add(&zone, "%s", "");
        crontab_print(text.bytes, find_kind(&request, text.bytes), zone.bytes, load_knows_zone, &page,
                      &count);
        code = conclude(&page, request.arguments.file, &count);
    }
    text_finish(&text);
    text_finish(&zone);
    text_finish(&page);
    return code;
}

/* --- pg_cron --- */

#define PAIRS_MOST 64 /* libpq 17 has 50 keywords */

/* What a conninfo gives, and what is printed for it. */
struct given {
    struct arena arena;
    struct place_pair pairs[PAIRS_MOST];
    size_t count;
};

/* Whose database and which user it is, the jobs say. */
static void take_pair(void *context, const char *keyword, const char *value) {
    struct given *given = context;
    if (strcmp(keyword, "dbname") == 0 || strcmp(keyword, "user") == 0 || given->count == PAIRS_MOST)
        return;
    given->pairs[given->count++] = (struct place_pair){arena_text(&given->arena, keyword, strlen(keyword)),
                                                       arena_text(&given->arena, value, strlen(value))};
}

/* False after saying what is wrong. The cells are borrowed from the inventory, and owned by the arena. */
static bool ask(const char *conninfo, const struct question *question, struct inventory *inventory,
                struct arena *arena, struct table *ret) {
    struct text error = {0};
    bool came =
        inventory_read(conninfo, question->sql, question->column_count, question->missing, inventory, &error);
    if (!came)
        terminal_complain("%s", error.bytes);
    size_t columns = (size_t)question->column_count, count = inventory->count * columns;
    const char **cells = came ? arena_alloc(arena, (count + 1) * sizeof *cells) : NULL;
    for (size_t i = 0; came && i < count; i++)
        cells[i] = inventory_get(inventory, (uint32_t)(i / columns), (int)(i % columns));
    *ret = (struct table){cells, inventory->count, question->column_count};
    text_finish(&error);
    return came;
}

static int import_pg_cron(int argc, char **argv);

static const struct command pg_cron_command = {
    .name = "import pg_cron",
    .usage = "import pg_cron CONNINFO",
    .about = "Prints an ini file for the jobs of pg_cron. CONNINFO is libpq's, of the database that has the\n"
             "extension: 'host=/run/postgresql dbname=postgres'. What cannot be carried over is a comment\n"
             "that says so.\n",
    .subject = "CONNINFO",
    .run = import_pg_cron,
};

static int import_pg_cron(int argc, char **argv) {
    struct arguments arguments;
    struct inventory jobs = {0};
    struct given given = {0};
    struct table table;
    struct text page = {0};
    struct import_count count;
    int code = arguments_read(&pg_cron_command, argc, argv, &arguments);
    if (code >= 0)
        return code;
    code = COMMAND_FAILS;
    if (ask(arguments.file, &pg_cron_question, &jobs, &given.arena, &table)) {
        const char *zone = pg_cron_zone(&table);
        conninfo_given(arguments.file, take_pair, &given);
        pg_cron_print(&table, given.pairs, given.count, &page, &count);
        code = when_zone_is_utc(zone) || load_knows_zone(zone)
                   ? conclude(&page, "cron.job", &count)
                   : terminal_complain("cron.timezone is '%s', and this machine has no such time zone", zone);
    }
    inventory_finish(&jobs);
    arena_finish(&given.arena);
    text_finish(&page);
    return code;
}

/* --- pg_timetable --- */

static void add_pair(void *context, const char *keyword, const char *value) {
    places_add_pair(context, keyword, value);
}

/* In place of each conninfo that a row has the same without secrets. */
static void strip_secrets(struct table *table, int column, struct arena *arena) {
    for (uint32_t row = 0; row < table->row_count; row++) {
        const char **place = &table->cells[(size_t)row * (size_t)table->column_count + (size_t)column];
        struct text stripped = {0};
        if (**place) {
            conninfo_given(*place, add_pair, &stripped);
            *place = stripped.bytes ? arena_text(arena, stripped.bytes, stripped.bytes_count) : "?";
        }
        text_finish(&stripped);
    }
}

static int import_pg_timetable(int argc, char **argv);

static const struct command pg_timetable_command = {
    .name = "import pg_timetable",
    .usage = "import pg_timetable CONNINFO",
    .about =
        "Prints an ini file for the chains of pg_timetable (version 4 and later). CONNINFO is libpq's, of\n"
        "the database that has its schema. A chain of SQL alone is one task; of any other each task comes\n"
        "after the one before it. What cannot be carried over is a comment that says so.\n",
    .subject = "CONNINFO",
    .run = import_pg_timetable,
};

static int import_pg_timetable(int argc, char **argv) {
    struct arguments arguments;
    struct inventory of_tasks = {0}, of_parameters = {0};
    struct given given = {0};
    struct table tasks, parameters;
    struct text page = {0};
    struct import_count count;
    int code = arguments_read(&pg_timetable_command, argc, argv, &arguments);
    if (code >= 0)
        return code;
    code = COMMAND_FAILS;
    if (ask(arguments.file, &pg_timetable_question, &of_tasks, &given.arena, &tasks) &&
        ask(arguments.file, &pg_timetable_parameters_question, &of_parameters, &given.arena, &parameters)) {
        strip_secrets(&tasks, pg_timetable_connection_column, &given.arena);
        conninfo_given(arguments.file, take_pair, &given);
        pg_timetable_print(&tasks, &parameters, given.pairs, given.count, load_knows_zone, &page, &count);
        code = conclude(&page, "timetable.chain", &count);
    }
    inventory_finish(&of_tasks);
    inventory_finish(&of_parameters);
    arena_finish(&given.arena);
    text_finish(&page);
    return code;
}

/* --- which --- */

static const struct command *const kinds[] = {&crontab_command, &pg_cron_command, &pg_timetable_command};

static int import(int argc, char **argv) {
    struct arguments arguments;
    for (size_t i = 0; argc > 1 && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(argv[1], strchr(kinds[i]->name, ' ') + 1) == 0)
            return kinds[i]->run(argc - 1, argv + 1);
    if (argc > 1 && argv[1][0] != '-')
        return arguments_refuse(&import_command, "nothing is known of '%.100s'", argv[1]);
    int code = arguments_read(&import_command, argc, argv, &arguments);
    return code >= 0 ? code : COMMAND_USAGE;
}

const struct command import_command = {
    .name = "import",
    .usage = "import crontab FILE | pg_cron CONNINFO | pg_timetable CONNINFO",
    .about = "Prints an ini file for what another scheduler knows. `headgate check` takes it as it is; what\n"
             "could not be carried over is a comment that says what and why.\n",
    .notes = "headgate import crontab --help says more, and so do the others\n",
    .subject = "KIND",
    .run = import,
};
