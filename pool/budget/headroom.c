#include "pool/budget/headroom.h"

static int32_t larger(int32_t a, int32_t b) {
    return a > b ? a : b;
}

static int32_t smaller(int32_t a, int32_t b) {
    return a < b ? a : b;
}

static int32_t foreground_in(const struct sample *sample, enum scope scope) {
    return larger(sample->scopes[scope].used - sample->scopes[scope].ours, 0);
}

static int64_t part_of(struct mono now, int64_t window_us) {
    return now.us / (window_us / WATCH_PARTS + 1);
}

/* Forgets the parts that have left the window. */
static void advance(struct foreground_watch *watch, int64_t part) {
    int64_t steps = part - watch->part;
    for (int64_t i = 0; i < steps && i < WATCH_PARTS; i++)
        watch->peaks[(part - i) % WATCH_PARTS] = 0;
    watch->part = part;
}

void watch_sample(struct foreground_watch *watch, const struct sample *sample, int64_t window_us,
                  struct mono now) {
    int64_t part = part_of(now, window_us);
    advance(watch, part);
    int32_t *peak = &watch->peaks[part % WATCH_PARTS];
    *peak = larger(*peak, foreground_in(sample, SCOPE_SERVER));
    for (int scope = 0; scope < SCOPES; scope++)
        if (foreground_in(sample, scope) > 0)
            watch->seen[scope] = now;
}

static int32_t peak_of(const struct foreground_watch *watch) {
    int32_t peak = 0;
    for (int i = 0; i < WATCH_PARTS; i++)
        peak = larger(peak, watch->peaks[i]);
    return peak;
}

/* At the server always; in a narrower scope only while the application uses it. */
static int32_t kept_in(enum scope scope, int32_t usable, int32_t burst, const struct foreground_watch *watch,
                       const struct gate_settings *settings, struct mono now) {
    if (scope == SCOPE_SERVER)
        return larger(larger(settings->reserve, usable / 10), burst);
    bool seen = watch->seen[scope].us && mono_since(now, watch->seen[scope]) <= settings->window_us;
    return seen ? larger(1, usable / 10) : 0;
}

struct headroom headroom_of(const struct sample *sample, const struct foreground_watch *watch,
                            const struct gate_settings *settings, int32_t held, struct mono now) {
    struct headroom least = HEADROOM_UNKNOWN;
    for (int scope = 0; sample->known && scope < SCOPES; scope++) {
        struct headroom this = {scope, 0, sample->scopes[scope].usable, foreground_in(sample, scope), held,
                                0,     0};
        if (this.usable == SLOTS_UNLIMITED)
            continue;
        if (scope == SCOPE_SERVER)
            this.burst = smaller(larger(peak_of(watch) - this.foreground, 0), this.usable / 4);
        this.kept = kept_in(scope, this.usable, this.burst, watch, settings, now);
        this.slots = this.usable - this.foreground - this.held - this.kept;
        if (this.slots < least.slots)
            least = this;
    }
    return least;
}

int32_t headroom_narrowest(const struct sample *sample) {
    int32_t least = INT32_MAX;
    for (int scope = 0; sample->known && scope < SCOPES; scope++)
        least = smaller(least, sample->scopes[scope].usable);
    return least;
}

const char *headroom_scope_words(enum scope scope) {
    static const char *const words[SCOPES] = {"", " by the role's limit", " by the database's limit"};
    return words[scope];
}
