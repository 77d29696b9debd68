#include "one_server.h"

struct server server;
const char *const conninfo = server.conninfo;

int stop(void **state) {
    (void)state;
    server_destroy(&server);
    return 0;
}
