/*
 * libpq tells what is in force only of a connection object. So one is made with a setting that it refuses
 * before it does anything else: by then it has read service files and environment, and looked nothing up.
 */
#include "pool/conninfo.h"

#include <stdlib.h>
#include <string.h>

static bool is_secret(const char *keyword) {
    return strcmp(keyword, "password") == 0 || strcmp(keyword, "sslpassword") == 0;
}

static char *one_line(const char *message) {
    char *copy = strdup(message);
    if (!copy)
        abort();
    size_t length = strlen(copy);
    while (length && copy[length - 1] == '\n')
        copy[--length] = '\0';
    for (char *at = copy; *at; at++)
        if (*at == '\n')
            *at = ' ';
    return copy;
}

static bool is_readable(const char *text, char **ret_error) {
    char *error = NULL;
    PQconninfoOption *parsed = PQconninfoParse(text, &error);
    if (!parsed) {
        /* libpq may quote a piece of the text, and that piece may be the password */
        *ret_error =
            strdup(error && strstr(error, "missing \"=\"") ? "is not key=value pairs or a postgresql:// URI"
                                                           : "has an unknown keyword or a stray quote");
        PQfreemem(error);
        return false;
    }
    PQconninfoFree(parsed);
    return true;
}

/* What libpq has in force when it comes to refuse the probed keyword; all but that keyword's own value. */
static PGconn *probe(const char *text, const char *keyword) {
    const char *keywords[] = {"dbname", keyword, NULL};
    const char *values[] = {text, "headgate: not a real connection", NULL};
    PGconn *conn = PQconnectStartParams(*text ? keywords : keywords + 1, *text ? values : values + 1, 1);
    if (!conn)
        abort();
    return conn;
}

static PQconninfoOption *find(PQconninfoOption *options, const char *keyword) {
    for (PQconninfoOption *option = options; option && option->keyword; option++)
        if (strcmp(option->keyword, keyword) == 0)
            return option;
    return NULL;
}

/* The first probe spoils channel_binding; a second one, which spoils sslmode, knows it. */
static void mend_channel_binding(const char *text, PQconninfoOption *options) {
    PGconn *conn = probe(text, "sslmode");
    PQconninfoOption *others = PQconninfo(conn);
    PQconninfoOption *mended = find(options, "channel_binding"), *right = find(others, "channel_binding");
    if (mended && right) {
        char *value = mended->val;
        mended->val = right->val;
        right->val = value;
    }
    PQconninfoFree(others);
    PQfinish(conn);
}

bool conninfo_resolve(const char *text, struct conninfo *ret, char **ret_error) {
    if (!is_readable(text, ret_error))
        return false;
    PGconn *conn = probe(text, "channel_binding");
    PQconninfoOption *options = PQconninfo(conn);
    const char *user = options ? PQuser(conn) : NULL;
    if (!user || !*user) { /* refused earlier: a service that is not there, say */
        *ret_error = one_line(PQerrorMessage(conn));
        PQconninfoFree(options);
        PQfinish(conn);
        return false;
    }
    PQfinish(conn);
    mend_channel_binding(text, options);
    ret->options = options;
    return true;
}

void conninfo_finish(struct conninfo *conninfo) {
    PQconninfoFree(conninfo->options);
    conninfo->options = NULL;
}

const char *conninfo_get(const struct conninfo *conninfo, const char *keyword) {
    const PQconninfoOption *option = find(conninfo->options, keyword);
    return option && option->val ? option->val : "";
}

bool conninfo_holds_secret(const char *text) {
    bool found = false;
    PQconninfoOption *parsed = PQconninfoParse(text, NULL);
    for (const PQconninfoOption *option = parsed; option && option->keyword; option++)
        found |= is_secret(option->keyword) && option->val && *option->val;
    PQconninfoFree(parsed);
    return found;
}

void conninfo_describe(const struct conninfo *conninfo, struct text *text) {
    const char *host = conninfo_get(conninfo, "host"), *address = conninfo_get(conninfo, "hostaddr");
    const char *user = conninfo_get(conninfo, "user"), *dbname = conninfo_get(conninfo, "dbname");
    text_add(text, "%s on %s", *dbname ? dbname : user,
             *host      ? host
             : *address ? address
                        : "the local socket");
    text_add(text, " port %s as %s", conninfo_get(conninfo, "port"), user);
}

void conninfo_environment(const struct conninfo *conninfo,
                          void (*add)(void *context, const char *name, const char *value), void *context) {
    for (const PQconninfoOption *option = conninfo->options; option && option->keyword; option++) {
        if (!option->envvar || !option->val || !*option->val || is_secret(option->keyword) ||
            strcmp(option->keyword, "application_name") == 0)
            continue;
        if (!option->compiled || strcmp(option->compiled, option->val) != 0)
            add(context, option->envvar, option->val);
    }
}
