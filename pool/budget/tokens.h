/*
 * The budget of one pool as a sum: who holds its tokens now. Pure arithmetic; the core moves the numbers.
 * A session holds its token from the first byte of connect until the server's backend is gone.
 */
#ifndef POOL_BUDGET_TOKENS_H
#define POOL_BUDGET_TOKENS_H

#include <stdint.h>

struct tokens {
    uint32_t size;     /* the most that may be held */
    uint32_t limit;    /* how many may be taken now; 1..size */
    uint32_t opening;  /* sessions being connected */
    uint32_t warm;     /* open and idle */
    uint32_t checking; /* open, and being asked something short before they are handed on */
    uint32_t busy;     /* sessions with a run, or being cleaned after one */
    uint32_t closing;  /* sessions whose backend is not known to be gone */
    uint32_t command;  /* units of running commands, and what SQL weighs beyond its own session */
    uint32_t leftover; /* sessions of an earlier daemon on this file that the server still counts */
    uint32_t ended;    /* units of commands that ended badly: the server may not have noticed yet, and still
                        * have their sessions */
    uint32_t before;   /* what the pool of this name still holds, or will need, in the database that it had
                        * before a reload */
};

/* Sessions that are open or being opened. */
static inline uint32_t tokens_sessions(const struct tokens *tokens) {
    return tokens->opening + tokens->warm + tokens->checking + tokens->busy;
}

/* All that the server may count against us. */
static inline uint32_t tokens_held(const struct tokens *tokens) {
    return tokens_sessions(tokens) + tokens->closing + tokens->command + tokens->leftover + tokens->ended +
           tokens->before;
}

/* By work. */
static inline uint32_t tokens_taken(const struct tokens *tokens) {
    return tokens->busy + tokens->command;
}

static inline uint32_t tokens_free(const struct tokens *tokens) {
    uint32_t held = tokens_held(tokens);
    return held < tokens->size ? tokens->size - held : 0;
}

#endif
