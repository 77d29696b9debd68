/* The conninfo of a pool. No secret of it stands in a message. */
#include "tests/fuzz/fuzz.h"

#include "pool/conninfo.h"

static void add(void *context, const char *name, const char *value) {
    struct text *text = context;
    MUST(strcmp(name, "PGPASSWORD") != 0);
    text_add(text, "%s=%s\n", name, value);
}

static void look(void *context, const char *keyword, const char *value) {
    (void)context;
    MUST(strcmp(keyword, "password") != 0 && strcmp(keyword, "sslpassword") != 0 && *value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_text(data, size), *why = NULL;
    struct conninfo conninfo = {0};
    struct text told = {0};
    if (conninfo_resolve(text, &conninfo, &why)) {
        conninfo_describe(&conninfo, &told);
        conninfo_environment(&conninfo, "", add, &told);
        MUST(conninfo_get(&conninfo, "host"));
    } else {
        MUST(why && *why);
    }
    (void)conninfo_holds_secret(text);
    conninfo_given(text, look, NULL);
    conninfo_finish(&conninfo);
    text_finish(&told);
    free(why);
    free(text);
    return 0;
}
