#include "tasks/config_window.h"

#include "tasks/keys.h"
#include "tasks/window_text.h"

/* What the section says, and where its faults go. */
struct window_draft {
    const struct config_reading *reading;
    const struct inifile_section *section;
    const char *window, *except; /* NULL: not given */
};

#define REFUSE(draft, key, ...)                                                                              \
    fault_add((draft)->reading->faults, keys_line((draft)->section, key), __VA_ARGS__)

/* Keys that say nothing without a window, or nothing beside each other. */
static void refuse_idle_keys(const struct window_draft *draft, const struct task *task) {
    static const char *const of_window[] = {"outside", "window_end"};
    const char *name = draft->section->name, *key = draft->window ? "window" : "except";
    bool has_window = draft->window || draft->except;
    bool by_hand = task->schedule.kind == SCHEDULE_NONE && !keys_find(draft->section, "after") && !task->wake;
    for (size_t i = 0; i < sizeof of_window / sizeof *of_window; i++)
        if (!has_window && keys_find(draft->section, of_window[i]))
            REFUSE(draft, of_window[i], "'%s' says nothing here: [%s] has neither window nor except",
                   of_window[i], name);
    if (has_window && by_hand && !draft->section->incomplete)
        REFUSE(draft, key, "'%s' says nothing here: [%s] runs when it is triggered, and then at any time",
               key, name);
    if (has_window && task->outside == OUTSIDE_SKIP && task->wake)
        REFUSE(draft, "outside", "outside = skip would lose what wakes [%s]; write outside = wait", name);
    if (has_window && task->outside == OUTSIDE_SKIP && task->catch_up == CATCH_UP_ALL)
        REFUSE(draft, "outside",
               "outside = skip leaves out what catch_up = all makes up for; write outside = wait or catch_up "
               "= once");
}

/* What both keys say together. */
static void refuse_useless(const struct window_draft *draft, const struct window *window) {
    const char *key = draft->window ? "window" : "except";
    if (!window_opens(window))
        REFUSE(draft, draft->except ? "except" : key,
               "[%s] has a window that is never open: each day on which it begins is excepted; write enabled "
               "= off",
               draft->section->name);
    else if (!window_closes(window))
        REFUSE(draft, key, "window = %s is always open; leave it out", draft->window);
}

void config_window(const struct config_reading *reading, const struct inifile_section *section,
                   const char *window, const char *except, struct task *task) {
    const struct window_draft draft = {reading, section, window, except};
    struct arena *arena = &reading->set->arena;
    struct text wrong = {0}, wrong_except = {0};
    refuse_idle_keys(&draft, task);
    if (!window && !except)
        return;
    struct window *read = arena_alloc(arena, sizeof *read);
    task->window = read;
    if (!window)
        window_read_every_day(arena, read);
    else if (!window_read(window, arena, read, &wrong))
        REFUSE(&draft, "window", "window = %s", wrong.bytes);
    if (except && !window_read_except(except, arena, read, &wrong_except))
        REFUSE(&draft, "except", "except = %s", wrong_except.bytes);
    if (!wrong.bytes_count && !wrong_except.bytes_count)
        refuse_useless(&draft, read);
    text_finish(&wrong);
    text_finish(&wrong_except);
}
