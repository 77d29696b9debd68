/*
 * Where a file is.
 */
#ifndef SCHEDULER_PATH_H
#define SCHEDULER_PATH_H

/* The folder in which a path names something, as dirname(3) has it: "." where the path names none. To free().
 */
char *path_folder(const char *path);

#endif
