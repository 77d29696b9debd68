/*
 * A level over time, drawn with block characters: solid up to the mean, shaded up to the peak of each part.
 */
#ifndef SCHEDULER_SIMULATE_PLOT_H
#define SCHEDULER_SIMULATE_PLOT_H

#include "scheduler/simulate/level.h"
#include "tasks/text.h"

/* Columns that are not the picture's own: a terminal of that many more shows one part a column. */
#define SIMULATE_PLOT_MARGIN 8

void simulate_plot(const struct simulate_level *level, struct text *text);

#endif
