#include "scheduler/core/chain_build.h"

#include <stdlib.h>

#include "scheduler/core/chain.h"

static void *zeroed(size_t count, size_t bytes) {
    void *memory = calloc(count ? count : 1, bytes);
    if (!memory)
        abort();
    return memory;
}

/* What the file before had, and where it is now. */
struct before {
    struct chain *chains;
    struct link *links;
    const uint32_t *moved;
    uint32_t count;
};

static void carry(struct core *core, const struct before *before, uint32_t *from) {
    for (uint32_t i = 0; i < before->count; i++) {
        uint32_t to = before->moved[i];
        if (to == INDEX_NONE)
            continue;
        from[to] = i;
        core->chains[to].ended = before->chains[i].ended;
        core->chains[to].told_ended = before->chains[i].told_ended;
        core->chains[to].known = before->chains[i].known;
        core->chains[to].doubted = before->chains[i].doubted;
    }
}

/* What was answered of a predecessor that it had before. Of a new one, what has ended so far does not count.
 */
static struct wall answered_before(const struct core *core, const struct before *before, uint32_t from,
                                   const struct link *link) {
    const struct chain *chain = from == INDEX_NONE ? NULL : &before->chains[from];
    for (uint32_t i = 0; chain && i < chain->link_count; i++) {
        const struct link *old = &before->links[chain->link_first + i];
        if (before->moved[old->predecessor] == link->predecessor)
            return old->answered;
    }
    return link_ended(core, link);
}

static void add_links(struct core *core, const struct before *before, const uint32_t *from) {
    uint32_t at = 0;
    for (uint32_t i = 0; i < core->set->task_count; i++) {
        const struct after *after = core->set->tasks[i].after;
        if (!after)
            continue;
        core->chains[i].link_first = at;
        core->chains[i].link_count = after->count;
        for (uint32_t j = 0; j < after->count; j++, at++) {
            struct link *link = &core->links[at];
            *link = (struct link){.task = i, .predecessor = after->tasks[j]};
            link->answered = answered_before(core, before, from[i], link);
            core->chains[link->predecessor].follower_count++;
        }
    }
}

static void add_followers(struct core *core) {
    uint32_t at = 0;
    for (uint32_t i = 0; i < core->task_count; i++) {
        core->chains[i].follower_first = at;
        at += core->chains[i].follower_count;
        core->chains[i].follower_count = 0;
    }
    for (uint32_t i = 0; i < core->link_count; i++) {
        struct chain *chain = &core->chains[core->links[i].predecessor];
        core->followers[chain->follower_first + chain->follower_count++] = core->links[i].task;
    }
}

static uint32_t count_links(const struct taskset *set) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < set->task_count; i++)
        count += set->tasks[i].after ? set->tasks[i].after->count : 0;
    return count;
}

void chain_build(struct core *core, const uint32_t *moved, uint32_t old_count) {
    struct before before = {core->chains, core->links, moved, core->link_count ? old_count : 0};
    core->chain_first = INDEX_NONE;
    core->sweep_chain = 0;
    core->link_count = count_links(core->set);
    core->chains = NULL;
    core->links = NULL;
    free(core->followers);
    core->followers = NULL;
    if (core->link_count) {
        uint32_t *from = zeroed(core->task_count, sizeof *from);
        core->chains = zeroed(core->task_count, sizeof *core->chains);
        core->links = zeroed(core->link_count, sizeof *core->links);
        core->followers = zeroed(core->link_count, sizeof *core->followers);
        for (uint32_t i = 0; i < core->task_count; i++)
            from[i] = INDEX_NONE;
        carry(core, &before, from);
        add_links(core, &before, from);
        add_followers(core);
        free(from);
    }
    free(before.chains);
    free(before.links);
}

void chain_finish(struct core *core) {
    free(core->chains);
    free(core->links);
    free(core->followers);
}
