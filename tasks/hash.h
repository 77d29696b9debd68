/*
 * One hash for all that must come out the same on every start: a task's default phase, jitter, socket names.
 * FNV-1a, 64 bits (Fowler, Noll, Vo), with a finisher (splitmix64's) because FNV's high bits are poor for
 * short keys.
 */
#ifndef TASKS_HASH_H
#define TASKS_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_START UINT64_C(14695981039346656037)

static inline uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t bytes_count) {
    const unsigned char *at = bytes;
    for (size_t i = 0; i < bytes_count; i++)
        hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    return hash;
}

static inline uint64_t hash_finish(uint64_t hash) {
    hash = (hash ^ (hash >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ (hash >> 27)) * UINT64_C(0x94d049bb133111eb);
    return hash ^ (hash >> 31);
}

/* A number in 0..below-1, spread evenly; below > 0. */
static inline uint64_t hash_below(uint64_t hash, uint64_t below) {
    return (uint64_t)(((unsigned __int128)hash * below) >> 64);
}

#endif
