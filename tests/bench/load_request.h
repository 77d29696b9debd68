/* One request of the application: a page of the office. */
#ifndef BENCH_LOAD_REQUEST_H
#define BENCH_LOAD_REQUEST_H

#include "load_pool.h"

/* Sends statement `step` of the page that employee `who` opens; LOAD_OVER after the last. */
enum load_step load_request_step(PGconn *conn, uint32_t who, int step);

#endif
