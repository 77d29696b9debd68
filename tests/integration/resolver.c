/*
 * Preloaded into a program: a resolver that never answers for a name that ends with ".hangs".
 */
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                                                       struct addrinfo **ret) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    const char *dot = name ? strrchr(name, '.') : NULL;
    while (dot && strcmp(dot, ".hangs") == 0)
        pause();
    return real(name, service, hints, ret);
}
