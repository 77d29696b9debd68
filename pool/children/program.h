/*
 * What the C library makes of a program that the kernel refuses: it hands a text without a #! line to a
 * shell. A command is promised none, so such a text is found before.
 */
#ifndef POOL_CHILDREN_PROGRAM_H
#define POOL_CHILDREN_PROGRAM_H

#include <stdbool.h>

/* file: as in argv[0], looked for in PATH as a start in `directory` does. */
bool program_needs_shell(const char *file, const char *directory);

#endif
