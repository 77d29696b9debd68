#include "scheduler/import/names.h"

#include <stdio.h>
#include <string.h>

#include "tasks/hash.h"
#include "tasks/keys.h"
#include "tasks/task.h"

#define HEADS_LEAST 64

struct name_taken {
    const char *name;
    struct name_taken *next; /* of the same head */
    uint32_t number;         /* the last that was put behind it for another one */
};

static struct name_taken **head_of(const struct names *names, const char *name) {
    uint64_t hash = hash_finish(hash_bytes(HASH_START, name, strlen(name)));
    return &names->heads[hash_below(hash, names->head_count)];
}

static struct name_taken *find(const struct names *names, const char *name) {
    struct name_taken *taken = names->head_count ? *head_of(names, name) : NULL;
    while (taken && strcmp(taken->name, name) != 0)
        taken = taken->next;
    return taken;
}

static void grow(struct names *names) {
    struct name_taken **before = names->heads;
    uint32_t before_count = names->head_count;
    names->head_count = before_count ? before_count * 2 : HEADS_LEAST;
    names->heads = arena_alloc(names->arena, names->head_count * sizeof(struct name_taken *));
    for (uint32_t i = 0; i < before_count; i++) {
        for (struct name_taken *taken = before[i], *next; taken; taken = next) {
            struct name_taken **head = head_of(names, taken->name);
            next = taken->next;
            taken->next = *head;
            *head = taken;
        }
    }
}

static const char *add(struct names *names, const char *name) {
    struct name_taken *taken = arena_alloc(names->arena, sizeof *taken);
    if (names->count++ >= names->head_count)
        grow(names);
    struct name_taken **head = head_of(names, name);
    *taken = (struct name_taken){arena_text(names->arena, name, strlen(name)), *head, 1};
    *head = taken;
    return taken->name;
}

/* Other letters become one '-', and none of them begins or ends it. */
static void make_valid(const char *wanted, char name[static NAME_BYTES_MAX + 1]) {
    size_t length = 0;
    for (; *wanted && length < NAME_BYTES_MAX; wanted++) {
        char letter = strchr(KEYS_NAME_LETTERS, *wanted) ? *wanted : '-';
        if (letter != '-' || (length > 0 && name[length - 1] != '-'))
            name[length++] = letter;
    }
    while (length > 0 && (name[length - 1] == '-' || name[length - 1] == '.'))
        length--;
    name[length] = '\0';
    if (length == 0)
        strcpy(name, "job");
}

const char *names_take(struct names *names, const char *wanted) {
    char name[NAME_BYTES_MAX + 1], numbered[NAME_BYTES_MAX + 1], number[16];
    make_valid(wanted, name);
    struct name_taken *taken = find(names, name);
    if (!taken)
        return add(names, name);
    do {
        int bytes = snprintf(number, sizeof number, "-%u", ++taken->number);
        snprintf(numbered, sizeof numbered, "%.*s%s", NAME_BYTES_MAX - bytes, name, number);
    } while (find(names, numbered));
    return add(names, numbered);
}
