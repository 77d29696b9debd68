#include "scheduler/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scheduler/path.h"

/* Writes the folder's own entry through to the disk. A filesystem that cannot do that (EINVAL, ENOTSUP) has
 * no need to. */
static bool keep_folder(const char *path) {
    char *folder = path_folder(path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool fine = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP);
    int why = errno;
    if (fd >= 0)
        close(fd);
    free(folder);
    errno = why;
    return fine;
}

bool replace_begin(struct replace *replace, const char *path) {
    *replace = (struct replace){.path = path};
    text_add(&replace->temporary, "%s.XXXXXX", path);
    int fd = mkostemp(replace->temporary.bytes, O_CLOEXEC); /* O_EXCL, 0600 */
    replace->file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (replace->file)
        return true;
    int why = errno;
    if (fd >= 0) {
        close(fd);
        unlink(replace->temporary.bytes);
    }
    text_finish(&replace->temporary);
    errno = why;
    return false;
}

/* False with errno: where a write failed before, it is what that left there, unless something has cleared it.
 */
static bool write_through(struct replace *replace) {
    if (ferror(replace->file))
        errno = errno ? errno : EIO;
    else if (fflush(replace->file) == 0 && fsync(fileno(replace->file)) == 0)
        return true;
    return false;
}

bool replace_end(struct replace *replace, bool wanted) {
    bool fine = wanted && write_through(replace);
    int why = errno;
    if (fclose(replace->file) != 0 && fine) {
        fine = false;
        why = errno;
    }
    if (fine && rename(replace->temporary.bytes, replace->path) != 0) {
        fine = false;
        why = errno;
    }
    if (!fine)
        unlink(replace->temporary.bytes);
    text_finish(&replace->temporary);
    errno = why;
    return fine && keep_folder(replace->path);
}

bool replace_file(const char *path, const struct text *content) {
    struct replace replace;
    if (!replace_begin(&replace, path))
        return false;
    if (content->bytes_count)
        fwrite(content->bytes, 1, content->bytes_count, replace.file);
    return replace_end(&replace, true);
}

bool replace_with_nothing(const char *path) {
    return (unlink(path) == 0 || errno == ENOENT) && keep_folder(path);
}
