/*
 * Where a file is, and whether it is ours.
 */
#ifndef SCHEDULER_PATH_H
#define SCHEDULER_PATH_H

/* The folder in which a path names something, as dirname(3) has it: "." where the path names none. To free().
 */
char *path_folder(const char *path);

/*
 * A file of our own or of root's, and no link: in a folder that all may write, anybody can put one at a name
 * of ours. As open(2), with mode 0600; EPERM: it is somebody else's, or no file.
 */
int path_open_own(const char *path, int flags) __attribute__((warn_unused_result));

#endif
