#include "scheduler/admission.h"

static struct decision wait_for(enum reason_code reason, int64_t number, int64_t threshold) {
    return (struct decision){VERDICT_WAIT, 0, reason, number, threshold};
}

static struct decision act_then_wait(enum verdict verdict, uint32_t session_count, enum reason_code reason,
                                     int64_t number) {
    return (struct decision){verdict, session_count, reason, number, 0};
}

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

/* Before anything is granted, and while something is left, one session asks what an earlier daemon left
 * behind. */
static struct decision before_survey(const struct supply *supply) {
    const struct tokens *tokens = &supply->tokens;
    bool room =
        tokens_held(tokens) - tokens->leftover < tokens->size; /* what is left over must not keep it out */
    if (!supply->any_session && supply->may_connect && room)
        return act_then_wait(VERDICT_OPEN, 1, REASON_OPENING, 1);
    return supply->failing ? wait_for(REASON_CONNECT, 0, 0) : wait_for(REASON_SURVEY, 0, 0);
}

/* Nothing is free: say who has it, and free what is only warm. `wanted` tokens are needed, `spare` may be
 * closed. */
static struct decision make_room(const struct supply *supply, uint32_t wanted, uint32_t spare) {
    const struct tokens *tokens = &supply->tokens;
    uint32_t coming = tokens_free(tokens) + tokens->closing;
    if (wanted > coming && spare > 0)
        return act_then_wait(VERDICT_CLOSE, least(wanted - coming, spare), REASON_CLOSING, tokens->closing);
    if (tokens->closing)
        return wait_for(REASON_CLOSING, tokens->closing, 0);
    if (tokens->leftover)
        return wait_for(REASON_LEFTOVER, tokens->leftover, tokens->size);
    if (tokens->opening)
        return wait_for(REASON_OPENING, tokens->opening, 0);
    return wait_for(REASON_TOKENS, tokens_taken(tokens), tokens->limit);
}

static struct decision decide_command(const struct supply *supply, uint32_t weight) {
    const struct tokens *tokens = &supply->tokens;
    if (supply->failing) { /* the database has no room, or is not there; one attempt at a time finds out */
        if (supply->may_connect && tokens_free(tokens))
            return act_then_wait(VERDICT_OPEN, 1, REASON_CONNECT, 1);
        return supply->may_connect && tokens->warm ? make_room(supply, 1, tokens->warm)
                                                   : wait_for(REASON_CONNECT, 0, 0);
    }
    if (tokens_free(tokens) >= weight)
        return (struct decision){.verdict = VERDICT_START};
    return make_room(supply, weight, tokens->warm);
}

static struct decision decide_sql(const struct supply *supply, uint32_t weight) {
    const struct tokens *tokens = &supply->tokens;
    uint32_t beside = weight - 1; /* tokens for what the statement opens by itself */
    if (tokens->warm > 0) {
        if (tokens_free(tokens) < beside)
            return make_room(supply, beside, tokens->warm - 1);
        if (!supply->warm_is_stale)
            return (struct decision){.verdict = VERDICT_START};
        return tokens->checking < supply->waiting_sql_count
                   ? act_then_wait(VERDICT_CHECK, 1, REASON_CHECKING, 1)
                   : wait_for(REASON_CHECKING, tokens->checking, 0);
    }
    uint32_t wanted = beside ? 1 : supply->waiting_sql_count;
    uint32_t coming = tokens->opening + tokens->checking;
    uint32_t missing = wanted > coming ? wanted - coming : 0;
    uint32_t openable = least(missing, tokens_free(tokens));
    if (supply->failing)
        openable = least(openable, 1);
    if (openable && supply->may_connect)
        return act_then_wait(VERDICT_OPEN, openable, REASON_OPENING, tokens->opening + openable);
    if (supply->failing && tokens_free(tokens))
        return wait_for(REASON_CONNECT, 0, 0);
    if (tokens->checking)
        return wait_for(REASON_CHECKING, tokens->checking, 0);
    if (tokens->opening)
        return wait_for(REASON_OPENING, tokens->opening, 0);
    return make_room(supply, 1, 0);
}

struct decision admission_decide(const struct supply *supply, const struct demand *demand) {
    const struct tokens *tokens = &supply->tokens;
    uint32_t taken = tokens_taken(tokens);
    if (supply->draining)
        return wait_for(REASON_DRAIN, 0, 0);
    if (!supply->surveyed || (tokens->leftover && !supply->any_session && supply->survey_due))
        return before_survey(supply);
    if (taken > 0 && taken + demand->weight > tokens->limit)
        return demand->weight > 1 && taken < tokens->limit
                   ? wait_for(REASON_WEIGHT, tokens->limit - taken, demand->weight)
                   : wait_for(REASON_TOKENS, taken, tokens->limit);
    return demand->needs_session ? decide_sql(supply, demand->weight)
                                 : decide_command(supply, demand->weight);
}
