#include "scheduler/path.h"

#include <libgen.h>
#include <stdlib.h>

#include "tasks/text.h"

char *path_folder(const char *path) {
    char *cut = text_copy(path); /* dirname() writes into it, and may return another text */
    char *folder = text_copy(dirname(cut));
    free(cut);
    return folder;
}
