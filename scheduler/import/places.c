#include "scheduler/import/places.h"

#include <string.h>

#include "scheduler/import/page.h"
#include "tasks/task.h"

void places_add_pair(struct text *conninfo, const char *keyword, const char *value) {
    const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,@%+";
    if (*value == '\0')
        return;
    text_add(conninfo, "%s%s=", conninfo->bytes_count ? " " : "", keyword);
    if (value[strspn(value, plain)] == '\0') {
        text_add(conninfo, "%s", value);
        return;
    }
    text_add(conninfo, "'");
    for (; *value; value++)
        text_add(conninfo, strchr("'\\", *value) ? "\\%c" : "%c", *value);
    text_add(conninfo, "'");
}

static const char *add(struct places *places, const char *conninfo, const char *wanted) {
    struct arena *arena = places->names.arena;
    struct place *place = arena_alloc(arena, sizeof *place);
    *place = (struct place){arena_text(arena, conninfo, strlen(conninfo)), names_take(&places->names, wanted),
                            NULL};
    *(places->end ? places->end : &places->first) = place;
    places->end = &place->next;
    places->count++;
    return place->name;
}

const char *places_find(struct places *places, const char *conninfo, const char *database, const char *user) {
    struct text wanted = {0};
    bool is_taken = false;
    for (struct place *place = places->first; place; place = place->next) {
        if (strcmp(place->conninfo, conninfo) == 0)
            return place->name;
        is_taken |= strcmp(place->name, database) == 0;
    }
    if (places->count == POOLS_MAX)
        return NULL;
    text_add(&wanted, is_taken ? "%s-%s" : "%s", database, user);
    const char *name = add(places, conninfo, wanted.bytes);
    text_finish(&wanted);
    return name;
}

void places_print(const struct places *places, struct text *page) {
    for (const struct place *place = places->first; place; place = place->next) {
        page_section(page, "pool", place->name);
        if (!page_value(page, "conninfo", place->conninfo))
            page_remark(
                page,
                "NOT CARRIED OVER: how to reach it is too long for a line, write conninfo = ... into it.");
        text_add(page, "size = 4\n\n");
    }
}
