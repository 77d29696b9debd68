/*
 * A window as the file says it, `window = mon-fri 22:00-06:00, sat-sun` and `except = 12-24..12-26,
 * 2027-04-05`, and as people are told what it means.
 */
#ifndef TASKS_WINDOW_TEXT_H
#define TASKS_WINDOW_TEXT_H

#include "tasks/arena.h"
#include "tasks/text.h"
#include "tasks/window.h"

/* Pieces of one list. More than anybody needs, and each instant is held against each. */
#define WINDOW_PIECES_MAX 100

/*
 * Days with times, separated by commas: one of both may be left out, and then it is every day, or the whole
 * day. What was read belongs to the arena. False after adding to `wrong`, which was empty, the piece and what
 * is wrong with it, such as "'fry' is no day of the week; write mon, tue, wed, thu, fri, sat or sun".
 */
bool window_read(const char *text, struct arena *arena, struct window *window, struct text *wrong)
    __attribute__((warn_unused_result));

/* Dates, yearly or of one year, and ranges of them, separated by commas; else as window_read(). */
bool window_read_except(const char *text, struct arena *arena, struct window *window, struct text *wrong)
    __attribute__((warn_unused_result));

/* Without window_read(): every day. */
void window_read_every_day(struct arena *arena, struct window *window);

#define WINDOW_EXCEPT_DAYS_MAX 3653 /* of one range of dates; ten years, as intervals */

/* "mon-fri 22:00-06:00, sat-sun all day, not on 12-24..12-26, 2027-04-05" */
void window_add_words(const struct window *window, struct text *text);

/* When it opens, as seen from `now`: "Mon 22:00 +0100 (Europe/Berlin)", with the date where it is not within
 * six days. */
void window_add_opening(const struct zone *zone, struct wall opens, struct wall now, struct text *text);

#endif
