#include "scheduler/daemon/trouble.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/hash.h"
#include "tasks/text.h"

static int compare(const void *a, const void *b) {
    return strcmp(((const struct trouble *)a)->task, ((const struct trouble *)b)->task);
}

static void trouble_free(void *item) {
    struct trouble *trouble = item;
    free(trouble->task);
    free(trouble->summary);
    free(trouble->message);
    free(trouble);
}

struct trouble *trouble_find(const struct troubles *troubles, const char *task) {
    struct trouble key = {.task = (char *)task};
    struct trouble **found = tfind(&key, (void *const *)&troubles->tree, compare);
    return found ? *found : NULL;
}

struct trouble *trouble_get(struct troubles *troubles, const char *task) {
    struct trouble *trouble = trouble_find(troubles, task);
    if (trouble)
        return trouble;
    trouble = calloc(1, sizeof *trouble);
    if (!trouble || !(trouble->task = text_copy(task)) || !tsearch(trouble, &troubles->tree, compare))
        abort();
    return trouble;
}

/* What a command printed does not count: that may be another text each time. */
static uint64_t signature_of(const char *outcome, const struct failure *failure) {
    const char *message = failure->message ? failure->message : "";
    uint64_t hash = hash_bytes(HASH_START, outcome, strlen(outcome));
    hash = hash_bytes(hash, failure->sqlstate, strlen(failure->sqlstate));
    return hash_bytes(hash, message, strlen(message));
}

static char *summary_of(const char *outcome, const struct failure *failure, const char *advice) {
    struct text text = {0};
    text_add(&text, "%s", outcome);
    if (*failure->sqlstate)
        text_add(&text, " %s", failure->sqlstate);
    if (failure->message && *failure->message)
        text_add(&text, ": %s", failure->message);
    if (failure->line > 0)
        text_add(&text, " (line %d)", failure->line);
    if (failure->output && *failure->output) {
        const char *last = strrchr(failure->output, '\n');
        text_add(&text, ": %s", last ? last + 1 : failure->output);
    }
    if (*advice)
        text_add(&text, "; %s", advice);
    return text.bytes;
}

bool trouble_add(struct trouble *trouble, const char *outcome, const struct failure *failure,
                 const char *advice) {
    uint64_t signature = signature_of(outcome, failure);
    bool is_new = trouble->failure_count == 0 || signature != trouble->signature;
    trouble->failure_count++;
    trouble->signature = signature;
    free(trouble->summary);
    free(trouble->message);
    trouble->summary = summary_of(outcome, failure, advice);
    trouble->message = text_copy(failure->message ? failure->message : "");
    return is_new;
}

void trouble_resolve(struct trouble *trouble, const char *outcome) {
    struct text text = {0};
    text_add(&text, "%s", outcome);
    if (trouble->message && *trouble->message)
        text_add(&text, ": %s", trouble->message);
    free(trouble->summary);
    trouble->summary = text.bytes;
}

void trouble_clear(struct troubles *troubles, const char *task) {
    struct trouble *trouble = trouble_find(troubles, task);
    if (!trouble)
        return;
    tdelete(trouble, &troubles->tree, compare);
    trouble_free(trouble);
}

void troubles_finish(struct troubles *troubles) {
    tdestroy(troubles->tree, trouble_free);
    troubles->tree = NULL;
}
