#include "tasks/schedule_words.h"

#include "tasks/calendar_words.h"
#include "tasks/duration.h"

void schedule_words(const struct schedule *schedule, struct text *text) {
    switch (schedule->kind) {
    case SCHEDULE_NONE: text_add(text, "when it is triggered"); return;
    case SCHEDULE_EVERY:
        text_add(text, "every %s", DURATION_FORMAT(schedule->every_us));
        if (schedule_is_elastic(schedule))
            text_add(text, "..%s", DURATION_FORMAT(schedule->every_most_us));
        return;
    case SCHEDULE_CALENDAR: break;
    }
    calendar_words(schedule->calendar, text);
    if (schedule->phase_us)
        text_add(text, ", put off by %s", DURATION_FORMAT(schedule->phase_us));
    text_add(text, ", %s", zone_name(schedule->zone));
}

void schedule_add_nexts(const struct schedule *schedule, const struct zone *zone, struct wall after,
                        int count, struct text *text) {
    char instant[ZONE_INSTANT_TEXT_BYTES];
    int told = 0;
    while (told < count && (after = schedule_next_after(schedule, after)).us != SCHEDULE_NEVER)
        text_add(text, "%s%s", told++ ? ", " : "", zone_instant_text(zone, us_seconds(after.us), instant));
    text_add(text, told ? "" : "never");
}
