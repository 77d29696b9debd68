#include "scheduler/simulate/plot.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tasks/duration.h"

#define ROWS_MOST 8
#define EIGHTHS   8

/* How much a row stands for: 1, 2, 5, 10, 20, 50 ... so that the peak fits into the rows. */
static uint32_t row_height(uint32_t peak) {
    static const uint32_t steps[] = {1, 2, 5};
    for (uint32_t ten = 1;; ten *= 10)
        for (int i = 0; i < 3; i++)
            if (peak <= (uint64_t)ROWS_MOST * steps[i] * ten)
                return steps[i] * ten;
}

/* How much of the row from `bottom` a value fills, in eighths. */
static int fill_of(int64_t value_permille, int64_t bottom, uint32_t height) {
    int64_t above = value_permille - bottom * 1000;
    int64_t eighths = (above * EIGHTHS + (int64_t)height * 500) / ((int64_t)height * 1000);
    return above <= 0 ? 0 : eighths > EIGHTHS ? EIGHTHS : (int)eighths;
}

static void draw_cell(const struct simulate_level *level, uint32_t part, int64_t bottom, uint32_t height,
                      struct text *text) {
    static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    int mean = fill_of(simulate_level_part_mean_permille(level, part), bottom, height);
    int peak = fill_of((int64_t)level->parts[part].peak * 1000, bottom, height);
    if (mean == 0 && bottom == 0 && level->parts[part].sum_us > 0)
        mean = 1; /* little is not nothing */
    text_add(text, "%s", mean > 0 ? blocks[mean] : peak > 0 ? "░" : " ");
}

static void draw_row(const struct simulate_level *level, int64_t bottom, uint32_t height, struct text *text) {
    text_add(text, "%6" PRId64 " ", bottom + height);
    for (uint32_t part = 0; part < level->part_count; part++)
        draw_cell(level, part, bottom, height, text);
    while (text->bytes_count && text->bytes[text->bytes_count - 1] == ' ')
        text->bytes[--text->bytes_count] = '\0';
    text_add(text, "\n");
}

/* Instants below the picture, from the left, a quarter apart. */
static void draw_axis(const struct simulate_level *level, struct text *text) {
    char at[DURATION_TEXT_BYTES];
    uint32_t column = 0;
    text_add(text, "%7s", "");
    for (uint32_t quarter = 0; quarter < 4; quarter++) {
        int64_t us = level->for_us / 4 * quarter;
        uint32_t start = level->part_count * quarter / 4;
        duration_format(us, at);
        if (quarter && start <= column) /* no room */
            continue;
        text_add(text, "%*s%s", (int)(start - column), "", at);
        column = start + (uint32_t)strlen(at);
    }
    text_add(text, "\n");
}

void simulate_plot(const struct simulate_level *level, struct text *text) {
    uint32_t height = row_height(level->peak), rows = (level->peak + height - 1) / height;
    char part[DURATION_TEXT_BYTES];
    text_add(text, ", %s a column: █ mean, ░ peak\n",
             duration_glance(level->for_us / level->part_count, part));
    for (uint32_t row = rows; row > 0; row--)
        draw_row(level, (int64_t)(row - 1) * height, height, text);
    if (rows == 0)
        text_add(text, "%6d none\n", 0);
    draw_axis(level, text);
}
