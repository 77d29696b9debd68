#include "scheduler/history/folders.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/path.h"
#include "scheduler/replace.h"

/* A path with a line's end in it is not remembered: it would be two. */
void folders_add(struct folders *folders, const char *folder) {
    char real[PATH_MAX];
    const char *path = realpath(folder, real) ? real : folder;
    bool known = folders->count == FOLDERS_MOST || *path != '/' || strchr(path, '\n');
    for (uint32_t i = 0; i < folders->count && !known; i++)
        known = strcmp(folders->items[i], path) == 0;
    if (!known)
        folders->items[folders->count++] = text_copy(path);
}

struct folders folders_load(const char *path) {
    struct folders folders = {0};
    char line[PATH_MAX + 1];
    int fd = path_open_own(path, O_RDONLY);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    while (file && folders.count < FOLDERS_MOST && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        folders_add(&folders, line);
    }
    if (file)
        fclose(file);
    return folders;
}

bool folders_save(const struct folders *folders, const char *path) {
    struct text text = {0};
    for (uint32_t i = 0; i < folders->count; i++)
        text_add(&text, "%s\n", folders->items[i]);
    bool fine = folders->count ? replace_file(path, &text) : replace_with_nothing(path);
    text_finish(&text);
    return fine;
}

void folders_finish(struct folders *folders) {
    for (uint32_t i = 0; i < folders->count; i++)
        free(folders->items[i]);
    *folders = (struct folders){0};
}
