#include "pool/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define HOSTS_MAX 32

struct address_lookup {
    uv_loop_t *loop;
    uv_getaddrinfo_t request;
    uv_timer_t *later;          /* the callback comes from the loop, also when there was nothing to look up */
    address_callback *callback; /* NULL once cancelled */
    void *context;
    char *hosts, *ports; /* comma lists, cut into the entries below */
    const char *host[HOSTS_MAX], *port[HOSTS_MAX];
    int count, next;
    bool any_looked_up;
    struct text host_list, hostaddr_list, port_list;
    struct text error;
};

static int split(char *list, const char **items) {
    int count = 0;
    for (char *at = list; at && count < HOSTS_MAX; count++) {
        items[count] = at;
        at = strchr(at, ',');
        if (at)
            *at++ = '\0';
    }
    return count;
}

static bool needs_lookup(const char *host) {
    unsigned char address[sizeof(struct in6_addr)];
    return *host && *host != '/' && *host != '@' && inet_pton(AF_INET, host, address) != 1 &&
           inet_pton(AF_INET6, host, address) != 1;
}

static void add_entry(struct address_lookup *lookup, const char *hostaddr) {
    const char *comma = lookup->port_list.bytes_count ? "," : "";
    /* A list of one empty entry has no bytes: the port, which is never empty, tells whether one is first. */
    text_add(&lookup->host_list, "%s%s", comma, lookup->host[lookup->next]);
    text_add(&lookup->hostaddr_list, "%s%s", comma, hostaddr);
    text_add(&lookup->port_list, "%s%s", comma, lookup->port[lookup->next]);
}

static void lookup_free(struct address_lookup *lookup) {
    text_finish(&lookup->host_list);
    text_finish(&lookup->hostaddr_list);
    text_finish(&lookup->port_list);
    text_finish(&lookup->error);
    free(lookup->hosts);
    free(lookup->ports);
    free(lookup);
}

static void finish(struct address_lookup *lookup) {
    struct address_list list = {0};
    if (lookup->any_looked_up)
        list = (struct address_list){lookup->host_list.bytes, lookup->hostaddr_list.bytes,
                                     lookup->port_list.bytes};
    if (lookup->callback)
        lookup->callback(lookup->context, &list, lookup->port_list.bytes_count ? NULL : lookup->error.bytes);
    lookup_free(lookup);
}

static void free_handle(uv_handle_t *handle) {
    free(handle);
}

static void on_later(uv_timer_t *timer) {
    struct address_lookup *lookup = timer->data;
    uv_close((uv_handle_t *)timer, free_handle);
    finish(lookup);
}

static void lookup_next(struct address_lookup *lookup);

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found) {
    struct address_lookup *lookup = request->data;
    char numeric[NI_MAXHOST];
    if (status < 0)
        text_add(&lookup->error, "%shost \"%s\": %s", lookup->error.bytes_count ? "; " : "",
                 lookup->host[lookup->next], uv_strerror(status));
    for (struct addrinfo *one = found; one; one = one->ai_next)
        if (getnameinfo(one->ai_addr, one->ai_addrlen, numeric, sizeof numeric, NULL, 0, NI_NUMERICHOST) == 0)
            add_entry(lookup, numeric);
    uv_freeaddrinfo(found);
    lookup->next++;
    lookup_next(lookup);
}

static void lookup_next(struct address_lookup *lookup) {
    for (; lookup->next < lookup->count && lookup->callback; lookup->next++) {
        if (!needs_lookup(lookup->host[lookup->next])) {
            add_entry(lookup, "");
            continue;
        }
        struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
        lookup->any_looked_up = true;
        lookup->request.data = lookup;
        int error = uv_getaddrinfo(lookup->loop, &lookup->request, on_resolved, lookup->host[lookup->next],
                                   NULL, &hints);
        if (error == 0)
            return;
        text_add(&lookup->error, "host \"%s\": %s", lookup->host[lookup->next], uv_strerror(error));
    }
    lookup->later = malloc(sizeof *lookup->later);
    if (!lookup->later)
        abort();
    uv_timer_init(lookup->loop, lookup->later);
    lookup->later->data = lookup;
    uv_timer_start(lookup->later, on_later, 0, 0);
}

struct address_lookup *address_lookup(uv_loop_t *loop, const struct conninfo *conninfo,
                                      address_callback *callback, void *context) {
    struct address_lookup *lookup = calloc(1, sizeof *lookup);
    if (!lookup)
        abort();
    lookup->loop = loop;
    lookup->callback = callback;
    lookup->context = context;
    if (*conninfo_get(conninfo, "hostaddr") == '\0') { /* with addresses given libpq looks nothing up */
        lookup->hosts = strdup(conninfo_get(conninfo, "host"));
        lookup->ports = strdup(conninfo_get(conninfo, "port"));
        lookup->count = split(lookup->hosts, lookup->host);
        int ports = split(lookup->ports, lookup->port);
        for (int i = ports; i < lookup->count; i++) /* one port stands for all */
            lookup->port[i] = lookup->port[0];
    }
    lookup_next(lookup);
    return lookup;
}

void address_cancel(struct address_lookup *lookup) {
    lookup->callback = NULL;
    if (lookup->later) {
        uv_close((uv_handle_t *)lookup->later, free_handle);
        lookup_free(lookup);
    } else {
        uv_cancel((uv_req_t *)&lookup->request);
    }
}
