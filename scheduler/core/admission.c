#include "scheduler/core/admission.h"

const char *admission_reason_name(enum reason_code reason) {
    static const char *const names[] = {
        [REASON_NONE] = "none",         [REASON_TOKENS] = "tokens",     [REASON_LIMIT] = "limit",
        [REASON_WEIGHT] = "weight",     [REASON_HEADROOM] = "headroom", [REASON_FULL] = "full",
        [REASON_SHARING] = "sharing",   [REASON_OPENING] = "opening",   [REASON_CHECKING] = "checking",
        [REASON_CLOSING] = "closing",   [REASON_CONNECT] = "connect",   [REASON_SAMPLE] = "sample",
        [REASON_HISTORY] = "history",   [REASON_STALE] = "stale",       [REASON_LEFTOVER] = "leftover",
        [REASON_ENDED] = "ended",       [REASON_HEAVY] = "heavy",       [REASON_RETURNED] = "returned",
        [REASON_BREAK] = "break",       [REASON_RETRY] = "retry",       [REASON_OWN_RUN] = "own_run",
        [REASON_CHILDREN] = "children", [REASON_DRAIN] = "drain",       [REASON_WINDOW] = "window",
        [REASON_GROUP] = "group",
    };
    return names[reason];
}

struct decision admission_wait(enum reason_code reason, int64_t number, int64_t threshold) {
    return (struct decision){VERDICT_WAIT, 0, reason, number, threshold};
}

static struct decision act_then_wait(enum verdict verdict, uint32_t session_count, enum reason_code reason,
                                     int64_t number, int64_t threshold) {
    return (struct decision){verdict, session_count, reason, number, threshold};
}

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

/* The pool's only session: past limit and reserve, and its own attempt is the look at the database. What an
 * earlier daemon or an ended command left on the server does not keep it out, or nobody would ever see that
 * it is gone; but a command's is given the time that it needs. */
static struct decision open_floor(const struct supply *supply) {
    const struct tokens *tokens = &supply->tokens;
    if (!supply->may_connect)
        return admission_wait(REASON_CONNECT, 0, 0);
    if (supply->free_slots < 1)
        return admission_wait(REASON_FULL, supply->free_slots, 1);
    uint32_t held = tokens_held(tokens) - tokens->leftover;
    if (tokens->ended && held >= tokens->size && !supply->ended_stay)
        return admission_wait(REASON_ENDED, tokens->ended, tokens->size);
    if (held - tokens->ended >= tokens->size)
        return tokens->closing + tokens->before
                   ? admission_wait(REASON_CLOSING, tokens->closing, tokens->before)
                   : admission_wait(REASON_TOKENS, tokens_taken(tokens), tokens->size);
    return act_then_wait(VERDICT_OPEN, 1, supply->failing ? REASON_CONNECT : REASON_OPENING, 1, 0);
}

/* How many more tokens may be held in all, `top` at the most; when less than `asked`, *ret_why says what
 * stands against it. */
static uint32_t growth(const struct supply *supply, uint32_t asked, uint32_t top, struct decision *ret_why) {
    const struct tokens *tokens = &supply->tokens;
    uint32_t held = tokens_held(tokens), taken = tokens_taken(tokens);
    uint32_t room = top > held ? top - held : 0;
    uint32_t slots = supply->gate_slots > 0 ? (uint32_t)supply->gate_slots : 0;
    if (slots < asked && slots < room)
        *ret_why = admission_wait(REASON_HEADROOM, supply->gate_slots, asked);
    else if (tokens->closing + tokens->before)
        *ret_why = admission_wait(REASON_CLOSING, tokens->closing, tokens->before);
    else if (tokens->leftover)
        *ret_why = admission_wait(REASON_LEFTOVER, tokens->leftover, tokens->size);
    else if (tokens->ended)
        *ret_why = admission_wait(REASON_ENDED, tokens->ended, tokens->size);
    else if (taken < tokens->limit && tokens->opening)
        *ret_why = admission_wait(REASON_OPENING, tokens->opening, 0);
    else if (asked > 1 && taken < tokens->limit)
        *ret_why = admission_wait(REASON_WEIGHT, tokens->limit - taken, asked);
    else
        *ret_why =
            admission_wait(tokens->limit < tokens->size ? REASON_LIMIT : REASON_TOKENS, taken, tokens->limit);
    return least(room, slots);
}

/* What is heavier than the limit runs alone. */
static uint32_t heavy_top(const struct tokens *tokens) {
    return tokens_taken(tokens) == 0 ? tokens->size : tokens->limit;
}

/* Growing needs a fresh sample. True when it may be done now; else *ret_decision says what comes first. */
static bool may_grow(const struct supply *supply, struct decision *ret_decision) {
    const struct tokens *tokens = &supply->tokens;
    if (supply->fresh || supply->trickle)
        return true;
    if (tokens->warm && supply->look_due)
        *ret_decision = act_then_wait(VERDICT_SAMPLE, 1, REASON_SAMPLE, 0, 0);
    else
        *ret_decision =
            admission_wait(tokens->checking || tokens->opening ? REASON_SAMPLE : REASON_STALE, 0, 0);
    return false;
}

/* `wanted` tokens, of which the `spare` warm sessions can give some: close as many as that takes, if it is
 * enough. What is closing already counts as gone, for the top as for the gate. */
static struct decision make_room(const struct supply *supply, uint32_t wanted, uint32_t spare) {
    const struct tokens *tokens = &supply->tokens;
    struct decision why;
    growth(supply, wanted, heavy_top(tokens), &why);
    if (tokens->ended && spare == tokens_sessions(tokens) && spare > 0)
        spare--; /* somebody has to see when they are gone */
    int64_t by_top = (int64_t)heavy_top(tokens) - tokens_held(tokens);
    int64_t coming = (by_top < supply->gate_slots ? by_top : supply->gate_slots) + tokens->closing;
    if (wanted > coming && wanted - coming <= spare)
        return act_then_wait(VERDICT_CLOSE, (uint32_t)(wanted - coming), REASON_CLOSING, tokens->closing, 0);
    return why;
}

static struct decision decide_heavy(const struct supply *supply, const struct demand *demand) {
    const struct tokens *tokens = &supply->tokens;
    uint32_t beside =
        demand->weight - demand->needs_session; /* its own session is there, or is opened first */
    uint32_t spare = tokens->warm - (demand->needs_session && tokens->warm > 0);
    struct decision why;
    if (supply->failing && !supply->may_connect)
        return admission_wait(REASON_CONNECT, 0, 0);
    if (demand->needs_session && tokens->warm == 0)
        beside++;
    if (beside > 0 && !may_grow(supply, &why))
        return why;
    if (beside > growth(supply, beside, heavy_top(tokens), &why))
        return make_room(supply, beside, spare);
    if (!demand->needs_session)
        return (struct decision){.verdict = VERDICT_START};
    if (tokens->warm > 0)
        return supply->warm_is_stale ? act_then_wait(VERDICT_CHECK, 1, REASON_CHECKING, 1, 0)
                                     : (struct decision){.verdict = VERDICT_START};
    if (tokens->opening + tokens->checking > 0)
        return admission_wait(tokens->checking ? REASON_CHECKING : REASON_OPENING,
                              tokens->opening + tokens->checking, 0);
    return act_then_wait(VERDICT_OPEN, 1, REASON_OPENING, 1, 0);
}

static struct decision decide_light(const struct supply *supply) {
    const struct tokens *tokens = &supply->tokens;
    uint32_t sessions = tokens_sessions(tokens);
    struct decision why;
    bool may_need_more = supply->wanted_count > tokens->warm && sessions < tokens->size;
    if (tokens->warm > 0 && !supply->fresh && supply->look_due && may_need_more)
        return act_then_wait(VERDICT_SAMPLE, 1, REASON_SAMPLE, 0, 0);
    if (tokens->warm > 0 && supply->warm_is_stale)
        return tokens->checking < supply->wanted_count
                   ? act_then_wait(VERDICT_CHECK, 1, REASON_CHECKING, 1, 0)
                   : admission_wait(REASON_CHECKING, tokens->checking, 0);
    if (tokens->warm > 0)
        return (struct decision){.verdict = VERDICT_START};
    if (sessions >= supply->wanted_count)
        return tokens->checking  ? admission_wait(REASON_CHECKING, tokens->checking, 0)
               : tokens->opening ? admission_wait(REASON_OPENING, tokens->opening, 0)
                                 : admission_wait(REASON_SHARING, sessions, supply->wanted_count);
    if (supply->failing && !supply->may_connect)
        return admission_wait(REASON_CONNECT, 0, 0);
    if (!may_grow(supply, &why))
        return why;
    uint32_t missing = supply->wanted_count - sessions;
    uint32_t openable =
        least(supply->fresh && !supply->failing ? missing : 1, growth(supply, 1, tokens->limit, &why));
    if (openable)
        return act_then_wait(VERDICT_OPEN, openable, REASON_OPENING, tokens->opening + openable, 0);
    return tokens->checking ? admission_wait(REASON_CHECKING, tokens->checking, 0) : why;
}

/* Every session has been at work for long, so nobody can see whether the limit is still right: one more is
 * opened, just to look. */
static bool must_look(const struct supply *supply) {
    const struct tokens *tokens = &supply->tokens;
    return supply->trickle && !supply->fresh && !supply->failing && tokens->limit < tokens->size &&
           tokens_free(tokens) > 0 && supply->gate_slots > 0 && tokens->busy == tokens_sessions(tokens);
}

struct decision admission_decide(const struct supply *supply, const struct demand *demand) {
    const struct tokens *tokens = &supply->tokens;
    uint32_t taken = tokens_taken(tokens);
    if (supply->draining)
        return admission_wait(REASON_DRAIN, 0, 0);
    bool blind = supply->failing || !supply->fresh || (tokens->ended && tokens_free(tokens) < demand->weight);
    if (tokens_sessions(tokens) == 0 && (demand->needs_session || blind))
        return open_floor(supply);
    if (taken >= tokens->limit && must_look(supply))
        return act_then_wait(VERDICT_OPEN, 1, REASON_LIMIT, taken, tokens->limit);
    if (taken > 0 && taken + demand->weight > tokens->limit)
        return demand->weight > 1 && taken < tokens->limit
                   ? admission_wait(REASON_WEIGHT, tokens->limit - taken, demand->weight)
                   : admission_wait(tokens->limit < tokens->size ? REASON_LIMIT : REASON_TOKENS, taken,
                                    tokens->limit);
    return demand->weight == 1 && demand->needs_session ? decide_light(supply) : decide_heavy(supply, demand);
}
