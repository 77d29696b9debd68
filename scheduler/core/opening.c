#include "scheduler/core/opening.h"

/* The wall clock may be so little behind the monotonic one, by which things fall due, without a step
 * (clock.c): what is due with the opening itself falls due inside. */
#define BEHIND_MOST_US (500 * US_PER_MS)

/* Each look goes on from one opening to the next: ten years of nights. */
#define OPENINGS_MOST 3653

static struct wall no_earlier_than(const struct core *core, struct wall due) {
    bool is_behind = due.us > core->wall.us && due.us - core->wall.us < BEHIND_MOST_US;
    return is_behind ? due : core->wall;
}

static bool is_open(const struct task *task, struct wall at) {
    return !task->window || window_is_open(task->window, task->zone, at);
}

static const struct task *definition_of(const struct core *core, const struct run *run) {
    return run->begun ? run->definition : core->tasks[run->task].definition;
}

bool opening_is_open(const struct core *core, uint32_t task, struct wall due) {
    return is_open(core->tasks[task].definition, no_earlier_than(core, due));
}

bool opening_is_of(const struct core *core, const struct run *run) {
    return definition_of(core, run)->window && !run->triggered;
}

bool opening_keeps_out(const struct core *core, const struct run *run) {
    return !run->triggered && !opening_is_open(core, run->task, run->due_last);
}

bool opening_stops(const struct run *run) {
    const struct task *task = run->definition;
    return task->window && task->window_end == WINDOW_END_CANCEL && !run->triggered &&
           run->stage != STAGE_WRITE;
}

static struct mono mono_of(const struct core *core, struct wall at) {
    return (struct mono){us_add(core->now.us, us_add(at.us, -core->wall.us))};
}

/* With the next opening, or spread over the first minutes after it. */
static struct wall lets_go_at(const struct core *core, const struct run *run) {
    const struct task *task = definition_of(core, run);
    struct wall opens = window_next_open(task->window, task->zone, no_earlier_than(core, run->due_last));
    int64_t spread_us =
        opens.us == INSTANT_MAX ? 0 : window_spread_us(task->window, task->zone, opens, task->name);
    return (struct wall){us_add(opens.us, spread_us)};
}

struct mono opening_changes_at(const struct core *core, const struct run *run) {
    const struct task *task = definition_of(core, run);
    struct wall at = no_earlier_than(core, run->due_last);
    bool waits_for_it = !run->begun && !is_open(task, at);
    return mono_of(core,
                   waits_for_it ? lets_go_at(core, run) : window_next_close(task->window, task->zone, at));
}

bool opening_has_closed(const struct core *core, const struct run *run) {
    return !is_open(definition_of(core, run), core->wall);
}

struct wall opening_first_inside(const struct core *core, uint32_t task, const struct occurrences *missed) {
    const struct task *definition = core->tasks[task].definition;
    struct wall at = missed->first, none = {us_add(missed->last.us, 1)};
    for (int i = 0; i < OPENINGS_MOST && !is_open(definition, at); i++) {
        struct wall opens = window_next_open(definition->window, definition->zone, at);
        if (opens.us > missed->last.us)
            return none;
        at = schedule_next_after(&definition->schedule, (struct wall){opens.us - 1});
        if (at.us > missed->last.us)
            return none;
    }
    return at;
}
