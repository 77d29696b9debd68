#include "scheduler/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "tasks/text.h"

uint32_t terminal_width(void) {
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void terminal_say(FILE *file, const char *format, ...) {
    struct text given = {0}, shown = {0};
    va_list arguments;
    va_start(arguments, format);
    text_addv(&given, format, arguments);
    va_end(arguments);
    if (given.bytes)
        text_add_lines(&shown, given.bytes);
    if (shown.bytes)
        fwrite(shown.bytes, 1, shown.bytes_count, file);
    text_finish(&given);
    text_finish(&shown);
}
