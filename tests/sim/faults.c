/* The world of a story: how long things take, and what goes wrong. */
#include "sim.h"
#include "tasks/hash.h"

uint32_t draw(struct story *story, uint32_t below) {
    story->random += UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)hash_below(hash_finish(story->random), below);
}

bool by_chance(struct story *story, uint32_t permille) {
    return permille && draw(story, 1000) < permille;
}

void draw_faults(struct story *story) {
    struct faults_mix *mix = &story->faults;
    uint32_t *const further[] = {&mix->run_fails,     &mix->conflicts, &mix->sample_fails, &mix->claim_lost,
                                 &mix->claim_refused, &mix->ask_lost,  &mix->ask_refused,  &mix->rival};
    for (int i = 0; i < WORLD_FAULTS; i++) /* each kind is off in half of the worlds */
        mix->of_world[i] = draw(story, 2) ? draw(story, 200) : 0;
    for (size_t i = 0; i < sizeof further / sizeof *further; i++)
        *further[i] = draw(story, 2) ? draw(story, 200) : 0;
    if (draw(story, 2)) {
        mix->outage_every_us = 5 * US_PER_S + draw(story, 30000000);
        mix->outage_us = draw(story, 10000000);
    }
}

int64_t some_time(struct story *story, int64_t mean_us) {
    int64_t us = mean_us / 10 + draw(story, (uint32_t)mean_us + 1);
    return by_chance(story, 50) ? us * 10 : us;
}

static bool happens(void *context, enum world_fault fault) {
    struct story *story = context;
    return (fault == WORLD_CONNECT_FAILS && story->down) || by_chance(story, story->faults.of_world[fault]);
}

static int64_t takes_us(void *context, enum world_wait wait, int64_t usual_us) {
    (void)wait;
    return some_time(context, usual_us);
}

static int64_t run_takes_us(void *context, const struct run *run) {
    struct story *story = context;
    return some_time(story, run->stage == STAGE_WORK    ? 500000
                            : run->stage < STAGE_WHOLE  ? 1000
                            : draw(story, 2)            ? 50000
                                                        : 5000);
}

static void look(void *context, struct sample *sample) {
    struct story *story = context;
    const struct sample_scope *server = &sample->scopes[SCOPE_SERVER];
    sample->known = !by_chance(story, story->faults.sample_fails);
    sample->core_count = 2;
    sample->active_count =
        story->scarce ? 0 : (int32_t)draw(story, (uint32_t)(server->used - server->ours) + 1);
}

static void see(void *context, const struct action *action) {
    struct story *story = context;
    const uint64_t facts[] = {(uint64_t)story->world.now_us, action->kind,
                              action->session.index,         action->run.index,
                              action->run.generation,        action->task};
    story->trace = hash_bytes(story->trace, facts, sizeof facts);
    check_action(story, action);
    switch (action->kind) {
    case ACTION_START:
        recorded_start(story, action);
        notified_start(story, core_run(story->world.core, action->run));
        break;
    case ACTION_HISTORY: recorded_ask(story, action); break;
    case ACTION_RECORD: recorded_record(story, action); break;
    case ACTION_STOPPED: story->stopped = true; break;
    case ACTION_OPEN: story->opened[action->pool] = true; break;
    case ACTION_YIELDED: counts.yields++; break;
    case ACTION_BREACH: counts.breaches++; break;
    case ACTION_RETRY: counts.retries++; break;
    case ACTION_HOLD: counts.holds++; break;
    default: break;
    }
}

void set_server(struct story *story, uint32_t place, uint32_t slot_count, uint32_t application_count) {
    story->servers[place].usable_count = slot_count;
    story->databases[place].application_count = application_count;
}

void outage(struct story *story, bool down) {
    const struct core *core = story->world.core;
    story->down = down;
    for (uint32_t i = 0; down && i < core->session_used; i++)
        if (core->sessions[i].state != CORE_SESSION_FREE && core->sessions[i].state != CORE_SESSION_CLOSING &&
            core->sessions[i].state != CORE_SESSION_OPENING)
            world_break_session(&story->world, i);
}

const struct world_nature faults_nature = {
    .happens = happens,
    .takes_us = takes_us,
    .run_takes_us = run_takes_us,
    .sees = see,
    .looks = look,
    .begins = recorded_begin,
    .ends = recorded_end,
    .asked = recorded_asked,
};
