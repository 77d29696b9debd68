#include "scheduler/daemon/pauses.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "scheduler/daemon/control_path.h"
#include "scheduler/path.h"
#include "scheduler/replace.h"

#define HEAD         "# headgate: paused tasks, since when (UTC), by whom; written by the daemon\n"
#define STATE_FOLDER "/var/lib/headgate"

/* Some 60 000 paused tasks: what is larger was not written by us. */
#define FILE_MOST ((size_t)4 * 1024 * 1024)

/* --- the list --- */

const struct pause *pauses_find(const struct pauses *pauses, const char *task) {
    for (uint32_t i = 0; i < pauses->count; i++)
        if (strcmp(pauses->items[i].task, task) == 0)
            return &pauses->items[i];
    return NULL;
}

void pauses_add(struct pauses *pauses, const char *task, const char *by, struct wall since) {
    pauses->items = realloc(pauses->items, (pauses->count + 1) * sizeof *pauses->items);
    if (!pauses->items)
        abort();
    struct pause *pause = &pauses->items[pauses->count++];
    *pause = (struct pause){.since = {since.us - since.us % US_PER_S}};
    snprintf(pause->task, sizeof pause->task, "%s", task);
    snprintf(pause->by, sizeof pause->by, "%s", by);
}

void pauses_remove(struct pauses *pauses, const char *task) {
    const struct pause *found = pauses_find(pauses, task);
    if (!found)
        return;
    uint32_t at = (uint32_t)(found - pauses->items);
    memmove(pauses->items + at, pauses->items + at + 1, (--pauses->count - at) * sizeof *pauses->items);
}

struct pauses pauses_copy(const struct pauses *pauses) {
    struct pauses copy = {0};
    for (uint32_t i = 0; i < pauses->count; i++)
        pauses_add(&copy, pauses->items[i].task, pauses->items[i].by, pauses->items[i].since);
    return copy;
}

void pauses_finish(struct pauses *pauses) {
    free(pauses->items);
    *pauses = (struct pauses){0};
}

#define NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."

bool pauses_is_name(const char *by) {
    size_t length = strlen(by);
    return length > 0 && length < PAUSE_BY_BYTES && strspn(by, NAME_BYTES "@\\+$") == length;
}

/* --- the file --- */

void pauses_path(const struct taskset *set, const char *ini_path, struct text *ret_path) {
    struct stat folder;
    struct text why = {0}, socket = {0};
    control_path(set, ini_path, &socket);
    if (!*set->daemon.control && stat(STATE_FOLDER, &folder) == 0 && S_ISDIR(folder.st_mode) &&
        access(STATE_FOLDER, W_OK) == 0)
        text_add(ret_path, "%s%s.paused", STATE_FOLDER, strrchr(socket.bytes, '/'));
    else if (*set->daemon.control || control_path_make_folder(socket.bytes, &why))
        text_add(ret_path, "%s.paused", socket.bytes);
    else
        text_add(ret_path, "%s", "");
    text_finish(&why);
    text_finish(&socket);
}

/* Whether we could have written it: of four digits, and each part within its range. */
static bool is_instant(const struct tm *at) {
    return at->tm_year >= 1970 && at->tm_mon >= 1 && at->tm_mon <= 12 && at->tm_mday >= 1 &&
           at->tm_mday <= 31 && at->tm_hour >= 0 && at->tm_hour <= 23 && at->tm_min >= 0 &&
           at->tm_min <= 59 && at->tm_sec >= 0 && at->tm_sec <= 59;
}

/* "tick 2026-11-24T12:03:11Z alice"; and nothing else on the line. The widths bound the numbers. */
static bool read_line(struct pauses *pauses, const char *line) {
    char task[PAUSE_NAME_BYTES], by[PAUSE_BY_BYTES];
    struct tm at = {0};
    int used = 0;
    if (sscanf(line, "%64s %4d-%2d-%2dT%2d:%2d:%2dZ %32s%n", task, &at.tm_year, &at.tm_mon, &at.tm_mday,
               &at.tm_hour, &at.tm_min, &at.tm_sec, by, &used) != 8 ||
        !is_instant(&at) || line[used] != '\0' || strspn(task, NAME_BYTES) != strlen(task) ||
        !pauses_is_name(by))
        return false;
    at.tm_year -= 1900;
    at.tm_mon -= 1;
    if (!pauses_find(pauses, task))
        pauses_add(pauses, task, by, (struct wall){(int64_t)timegm(&at) * US_PER_S});
    return true;
}

/* Its text; empty with `complaint` filled when it is not ours to read or to replace. */
static struct text content_of(const char *path, struct text *complaint) {
    struct text text = {0};
    char chunk[4096];
    ssize_t got = 0;
    int fd = path_open_own(path, O_RDONLY);
    if (fd < 0 && errno == ENOENT)
        return text;
    while (fd >= 0 && (got = read(fd, chunk, sizeof chunk)) > 0 && text.bytes_count <= FILE_MOST)
        text_add_bytes(&text, chunk, (size_t)got);
    if (fd < 0 && errno == EPERM)
        text_add(complaint, "%s is not a file of ours", path);
    else if (fd < 0 || got < 0)
        text_add(complaint, "%s cannot be read: %s", path, strerror(errno));
    else if ((text.bytes_count && strncmp(text.bytes, HEAD, strlen(HEAD)) != 0) ||
             text.bytes_count > FILE_MOST)
        text_add(complaint, "%s is there and is not a list of paused tasks; move it away", path);
    if (fd >= 0)
        close(fd);
    if (complaint->bytes_count)
        text_clear(&text);
    return text;
}

struct pauses pauses_load(const char *path, struct text *complaint) {
    struct pauses pauses = {0};
    struct text text = {0};
    if (*path)
        text = content_of(path, complaint);
    uint32_t number = 1, wrong = 0, wrong_first = 0;
    char *rest = text.bytes_count ? text.bytes + strlen(HEAD) : NULL;
    for (char *line; (line = strsep(&rest, "\n"));) {
        number++;
        if (*line == '\0' || read_line(&pauses, line))
            continue;
        wrong_first = wrong++ ? wrong_first : number;
    }
    if (wrong)
        text_add(complaint, "%s:%" PRIu32 ": not a task, an instant and a user; %" PRIu32 " such line%s",
                 path, wrong_first, wrong, wrong == 1 ? "" : "s");
    text_finish(&text);
    return pauses;
}

static void compose(const struct pauses *pauses, struct text *text) {
    text_add(text, "%s", HEAD);
    for (uint32_t i = 0; i < pauses->count; i++) {
        const struct pause *pause = &pauses->items[i];
        time_t seconds = (time_t)(pause->since.us / US_PER_S);
        char at[40];
        struct tm utc;
        gmtime_r(&seconds, &utc);
        strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", &utc);
        text_add(text, "%s %s %s\n", pause->task, at, pause->by);
    }
}

bool pauses_save(const struct pauses *pauses, const char *path, struct text *error) {
    struct text text = {0}, before = {0};
    if (*path)
        before = content_of(path, error);
    else
        text_add(error, "there is no folder to keep it in; write control = PATH into [headgate]");
    text_finish(&before);
    if (error->bytes_count)
        return false;
    compose(pauses, &text);
    bool fine = pauses->count ? replace_file(path, &text) : replace_with_nothing(path);
    if (!fine)
        text_add(error, "cannot write %s: %s", path, strerror(errno));
    text_finish(&text);
    return fine;
}
