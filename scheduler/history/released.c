#include "scheduler/history/released.h"

#include <inttypes.h>

void released_compose(struct text *text, const struct core *core, uint32_t index) {
    const struct chain *chain = core->link_count ? &core->chains[index] : NULL;
    if (!chain || chain->link_count == 0)
        return;
    text_add(text, "{");
    for (uint32_t i = 0; i < chain->link_count; i++) {
        const struct link *link = &core->links[chain->link_first + i];
        if (i)
            text_add(text, ",");
        text_add_json(text, core->tasks[link->predecessor].definition->name);
        text_add(text, ":%" PRId64, link->answered.us);
    }
    text_add(text, "}");
}
