/*
 * Host names to addresses, off the loop: libpq would look them up with a call that blocks.
 */
#ifndef POOL_ADDRESS_H
#define POOL_ADDRESS_H

#include <uv.h>

#include "pool/conninfo.h"

/*
 * host, hostaddr and port as libpq takes them, one entry for every address of every host, in the order of
 * conninfo; all NULL when libpq needs no name looked up. Borrowed until the callback returns.
 */
struct address_list {
    const char *host, *hostaddr, *port;
};

/* Called once, from the loop, never from within address_lookup(). error: NULL, or a sentence. */
typedef void address_callback(void *context, const struct address_list *list, const char *error);

struct address_lookup;

/* Copies what it needs of conninfo. */
struct address_lookup *address_lookup(uv_loop_t *loop, const struct conninfo *conninfo,
                                      address_callback *callback, void *context);

/* The callback will not be called; the lookup frees itself when the resolver lets go of it. */
void address_cancel(struct address_lookup *lookup);

#endif
