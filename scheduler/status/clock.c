#include "scheduler/status/clock.h"

#include <inttypes.h>
#include <stdio.h>

void status_clock(const struct status *status, struct wall at, struct text *text) {
    static const int64_t day_s = 86400;
    int64_t s = (at.us + status->context->utc_offset_us) / US_PER_S;
    int64_t now_s = (status->core->wall.us + status->context->utc_offset_us) / US_PER_S;
    int64_t days = s / day_s - now_s / day_s;
    char ahead[24] = "";
    if (days)
        snprintf(ahead, sizeof ahead, "%+" PRId64 "d", days);
    text_add(text, "%02d:%02d:%02d%s", (int)(s % day_s / 3600), (int)(s % 3600 / 60), (int)(s % 60), ahead);
}
