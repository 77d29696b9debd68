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
    char *copy = text_copy(message);
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

/* libpq may quote a piece of the text, and that piece may be the password: so its complaint is told in our
 * words. */
static const char *complaint(const char *error) {
    static const struct {
        const char *theirs, *ours;
    } table[] = {
        {"missing \"=\"", "is not key=value pairs or a postgresql:// URI"},
        {"unterminated quoted string", "has a quote that is not closed"},
        {"invalid connection option", "has a keyword that libpq does not know"},
        {"invalid URI query parameter", "has a parameter behind its ? that libpq does not know"},
        {"invalid percent-encoded token",
         "has a % without two hexadecimal digits behind it; in a URI write %25 for a %, as in a password"},
        {"forbidden value %00", "has a %00, which is no character"},
        {"missing key/value separator", "has a parameter behind its ? that is not key=value"},
        {"extra key/value separator", "has a second = in a parameter behind its ?; write %3D for it"},
        {"end of string reached", "has an IPv6 address without a ] behind it"},
        {"IPv6 host address", "has an IPv6 address that is empty"},
        {"unexpected character",
         "has a character that is not expected behind its host; in a user or password "
         "write %40 for a @, %3A for a :, %2F for a /"},
        {"unexpected spaces found", "has spaces in it; in a URI write %20 for a space"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strncmp(error, table[i].theirs, strlen(table[i].theirs)) == 0)
            return table[i].ours;
    return "cannot be read by libpq";
}

/* What libpq has in force when it comes to refuse the probed keyword; all but that keyword's own value. */
static PGconn *probe(const char *text, const char *keyword, const struct conninfo_host *host) {
    const char *keywords[8], *values[8];
    int count = 0;
    const char *const given[][2] = {{"dbname", *text ? text : NULL},
                                    {"host", host ? host->name : NULL},
                                    {"hostaddr", host ? host->address : NULL},
                                    {"port", host ? host->port : NULL},
                                    {keyword, "headgate: not a real connection"}};
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        if (given[i][1])
            keywords[count] = given[i][0], values[count++] = given[i][1];
    keywords[count] = values[count] = NULL;
    PGconn *conn = PQconnectStartParams(keywords, values, 1);
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
    PGconn *conn = probe(text, "sslmode", NULL);
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
    char *error = NULL;
    PQconninfoOption *parsed = PQconninfoParse(text, &error);
    if (!parsed) {
        *ret_error = text_copy(complaint(error ? error : ""));
        PQfreemem(error);
        return false;
    }
    PQconninfoFree(parsed);
    PGconn *conn = probe(text, "channel_binding", NULL);
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

/* --- hosts --- */

static uint32_t split(char *list, const char **items) {
    uint32_t count = 0;
    for (char *at = list; at && count < CONNINFO_HOSTS_MAX; count++) {
        items[count] = at;
        at = strchr(at, ',');
        if (at)
            *at++ = '\0';
    }
    return count;
}

void conninfo_hosts(const struct conninfo *conninfo, struct conninfo_hosts *ret) {
    const char *names[CONNINFO_HOSTS_MAX], *addresses[CONNINFO_HOSTS_MAX], *ports[CONNINFO_HOSTS_MAX];
    ret->lists[0] = text_copy(conninfo_get(conninfo, "host"));
    ret->lists[1] = text_copy(conninfo_get(conninfo, "hostaddr"));
    ret->lists[2] = text_copy(conninfo_get(conninfo, "port"));
    uint32_t name_count = split(ret->lists[0], names);
    bool has_addresses = *ret->lists[1] != '\0';
    uint32_t address_count = split(ret->lists[1], addresses), port_count = split(ret->lists[2], ports);
    ret->count = has_addresses ? address_count : name_count;
    for (uint32_t i = 0; i < ret->count; i++)
        ret->items[i] = (struct conninfo_host){
            .name = i < name_count ? names[i] : "",
            .address = has_addresses ? addresses[i] : "",
            .port = port_count == 1  ? ports[0]
                    : i < port_count ? ports[i]
                                     : "",
        };
}

void conninfo_hosts_finish(struct conninfo_hosts *hosts) {
    for (int i = 0; i < 3; i++)
        free(hosts->lists[i]);
    *hosts = (struct conninfo_hosts){0};
}

bool conninfo_host_is_socket(const struct conninfo_host *host) {
    return !*host->address && (!*host->name || *host->name == '/' || *host->name == '@');
}

/* --- secrets --- */

static bool is_here(const struct conninfo_host *host) {
    const char *where = *host->address ? host->address : host->name;
    return conninfo_host_is_socket(host) || strcmp(where, "localhost") == 0 || strcmp(where, "::1") == 0 ||
           strncmp(where, "127.", 4) == 0;
}

static bool has_password(const char *text, const struct conninfo_host *host) {
    PGconn *conn = probe(text, "channel_binding", host);
    const char *password = PQpass(conn);
    bool found = password && *password;
    PQfinish(conn);
    return found;
}

static void warn(const char *text, const struct conninfo *conninfo, struct text *ret) {
    struct conninfo_hosts hosts = {0};
    const char *sslmode = conninfo_get(conninfo, "sslmode");
    if (strcmp(sslmode, "require") == 0 || strncmp(sslmode, "verify-", strlen("verify-")) == 0 ||
        strcmp(conninfo_get(conninfo, "gssencmode"), "require") == 0)
        return;
    conninfo_hosts(conninfo, &hosts);
    for (uint32_t i = 0; i < hosts.count && !ret->bytes_count; i++)
        if (!is_here(&hosts.items[i]) && has_password(text, &hosts.items[i]))
            text_add(ret,
                     "whoever answers as %s is given the password in clear, if it asks so: sslmode is %s; "
                     "write sslmode=verify-full%s",
                     *hosts.items[i].name ? hosts.items[i].name : hosts.items[i].address, sslmode,
                     find(conninfo->options, "require_auth")
                         ? ", and require_auth=scram-sha-256 so that it is never given in clear"
                         : "");
    conninfo_hosts_finish(&hosts);
}

void conninfo_warn(const char *text, struct text *ret) {
    struct conninfo conninfo = {0};
    char *error = NULL;
    if (conninfo_resolve(text, &conninfo, &error))
        warn(text, &conninfo, ret);
    free(error);
    conninfo_finish(&conninfo);
}

bool conninfo_gives(const char *text, const char *keyword) {
    PQconninfoOption *parsed = PQconninfoParse(text, NULL);
    const PQconninfoOption *option = find(parsed, keyword);
    bool given = option && option->val && *option->val;
    PQconninfoFree(parsed);
    return given;
}

void conninfo_given(const char *text, void (*add)(void *context, const char *keyword, const char *value),
                    void *context) {
    PQconninfoOption *parsed = PQconninfoParse(text, NULL);
    for (const PQconninfoOption *option = parsed; option && option->keyword; option++)
        if (option->val && *option->val && !is_secret(option->keyword))
            add(context, option->keyword, option->val);
    PQconninfoFree(parsed);
}

bool conninfo_holds_secret(const char *text) {
    return conninfo_gives(text, "password") || conninfo_gives(text, "sslpassword");
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

void conninfo_place(const struct conninfo *conninfo, struct text *text) {
    const char *dbname = conninfo_get(conninfo, "dbname");
    text_add(text, "%s %s %s %s", conninfo_get(conninfo, "host"), conninfo_get(conninfo, "hostaddr"),
             conninfo_get(conninfo, "port"), *dbname ? dbname : conninfo_get(conninfo, "user"));
}

void conninfo_environment(const struct conninfo *conninfo, const char *options,
                          void (*add)(void *context, const char *name, const char *value), void *context) {
    struct text all = {0};
    text_add(&all, "%s%s%s", options, *options ? " " : "", conninfo_get(conninfo, "options"));
    if (*all.bytes)
        add(context, "PGOPTIONS", all.bytes);
    text_finish(&all);
    for (const PQconninfoOption *option = conninfo->options; option && option->keyword; option++) {
        if (!option->envvar || !option->val || !*option->val || is_secret(option->keyword) ||
            strcmp(option->keyword, "application_name") == 0 || strcmp(option->keyword, "options") == 0)
            continue;
        if (!option->compiled || strcmp(option->compiled, option->val) != 0)
            add(context, option->envvar, option->val);
    }
}
