/*
 * What a session asks of a pool's history, the schema headgate: that it takes records, and, as far as the
 * texts below are there, that it says what it knows. All of it is one transaction; the answer is an array of
 * arrays of rows, as JSON.
 */
#ifndef POOL_HISTORY_QUESTION_H
#define POOL_HISTORY_QUESTION_H

#include <stdbool.h>

/* Borrowed. Each of the last four parts may be NULL: then it is not asked for. */
struct history_question {
    const char *records; /* to take: an array, as JSON. It answers what became of unknown runs */
    const char *service; /* the ini file's name in the history */
    const char *daemon;  /* the daemon's: host and ini file */
    const char *life;    /* the same, and which of its lives this is */
    bool makes_schema;   /* first, where it is missing or old */
    const char *tasks; /* an array, as JSON: what is on record of these is answered. With makes_schema only */
    const char
        *chains; /* an array of names, as JSON: what of these tasks has ended, and what they have answered */
    const char *meets; /* what tells our tasks from others': who else has our name is answered */
    const char *keep;  /* an interval: rows that are older, or beyond the newest `rows`, are deleted, at most
                        * `count` of them */
    const char *rows, *count;
};

#endif
