/*
 * What a forecast is asked, and what it finds: values that the model's parts and the report share.
 */
#ifndef SCHEDULER_SIMULATE_FACTS_H
#define SCHEDULER_SIMULATE_FACTS_H

#include "scheduler/core/admission.h"
#include "scheduler/simulate/level.h"
#include "tasks/taskset.h"

#define SIMULATE_REASONS (REASON_DRAIN + 1)

/* Bites of a run with repeat = rows. */
#define SIMULATE_BITES_MOST 20

/* A part of the application: what --foreground says. */
struct simulate_foreground {
    uint32_t session_count; /* all the time */
    uint32_t burst_count;   /* that many more, */
    int64_t burst_for_us;   /* for so long, */
    int64_t burst_every_us; /* so often, the first after one interval; 0: never */
    uint32_t active_count;  /* how many of them are active at a time */
};

struct simulate_options {
    struct wall start; /* due instants in start..start + for_us, the end excluded */
    int64_t for_us;
    uint64_t seed;
    bool exact;                     /* every run takes exactly took_us */
    const int64_t *took_us;         /* by task: what its runs take, more or less; above 0. Of a staged task,
                                     * its read and its write each */
    const int64_t *work_us;         /* by task: what its outside work takes; read of staged tasks only */
    uint32_t slot_count;            /* max_connections */
    uint32_t reserved_count;        /* of these for superusers */
    const uint32_t *server_of_pool; /* 0..server_count-1, by pool; NULL: all on one server */
    uint32_t server_count;
    const struct simulate_foreground *foregrounds; /* on each server */
    uint32_t foreground_count;
    uint32_t part_count; /* parts of the time for which levels are told apart; at least 1 */
};

struct simulate_task {
    uint64_t due_count; /* occurrences; all that follow add up to it, merged ones instead of runs */
    uint64_t merged_count, skipped_count, unfinished_count;
    uint64_t run_count; /* ended; ok, failed and timed out */
    uint64_t failed_count, timeout_count;
    int64_t session_us, outside_us; /* all its runs together: with tokens held, and without */
    int64_t late_p50_us, late_p99_us, late_worst_us; /* -1: no run ended */
    int64_t waited_us[SIMULATE_REASONS]; /* all its runs together, on a session behind others: sharing */
};

struct simulate_pool {
    struct simulate_level sessions; /* what the server counts as ours, commands' sessions among them */
    uint32_t held_peak;             /* tokens */
    uint64_t opened_count, refused_count;
    uint32_t limit_least;
    uint64_t yielded_count; /* runs that gave way to others */
    int64_t waited_us[SIMULATE_REASONS];
};

struct simulate_server {
    uint32_t usable_count; /* slots that an ordinary role can use */
    uint32_t free_least;   /* of these, taken by nobody: what the application could still have had */
    struct simulate_level foreground;
    uint64_t refused_count;        /* sessions of the application that found no slot */
    uint64_t refused_anyway_count; /* of these, what it would not have had without us either */
};

struct simulate_group {
    int64_t busy_us;   /* all its runs together, from their begin to their end */
    int64_t full_us;   /* no turn was left */
    int64_t waited_us; /* all its runs together, for a turn */
};

struct simulate_facts {
    struct simulate_task *tasks; /* as in the taskset */
    struct simulate_group *groups;
    struct simulate_pool *pools;
    struct simulate_server *servers;
    uint32_t task_count, pool_count, server_count, group_count;
    uint64_t step_count;
    bool stuck; /* a bug in the core: time did not go on any more; the facts end there */
};

#endif
