#include "scheduler/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "tasks/text.h"

uint32_t terminal_width(void) {
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static void say(FILE *file, const char *before, const char *format, va_list list) {
    struct text given = {0}, shown = {0};
    text_add(&given, "%s", before);
    text_addv(&given, format, list);
    text_add_lines(&shown, given.bytes);
    if (shown.bytes)
        fwrite(shown.bytes, 1, shown.bytes_count, file);
    text_finish(&given);
    text_finish(&shown);
}

void terminal_say(FILE *file, const char *format, ...) {
    va_list list;
    va_start(list, format);
    say(file, "", format, list);
    va_end(list);
}

int terminal_complain(const char *format, ...) {
    va_list list;
    va_start(list, format);
    say(stderr, "headgate: ", format, list);
    va_end(list);
    return 1;
}
