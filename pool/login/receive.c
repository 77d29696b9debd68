/*
 * The one place where a function of the C library is replaced. The calls to recv() of libpq and of every
 * other library end here, and differ from the library's own only while receive_some() is under way on the
 * same thread.
 */
#include "pool/login/receive.h"

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>

static _Thread_local size_t left_bytes = SIZE_MAX;

ssize_t recv(int fd, void *bytes, size_t bytes_count, int flags) {
    if (left_bytes == 0) {
        errno = EAGAIN;
        return -1;
    }
    ssize_t count =
        recvfrom(fd, bytes, bytes_count < left_bytes ? bytes_count : left_bytes, flags, NULL, NULL);
    if (count > 0 && left_bytes != SIZE_MAX)
        left_bytes -= (size_t)count;
    return count;
}

bool receive_some(PGconn *conn, size_t most_bytes, size_t *ret_bytes) {
    left_bytes = most_bytes;
    bool usable = PQconsumeInput(conn) == 1;
    *ret_bytes = most_bytes - left_bytes;
    left_bytes = SIZE_MAX;
    return usable;
}

PostgresPollingStatusType receive_login(PGconn *conn, size_t most_bytes, size_t *ret_bytes) {
    left_bytes = most_bytes;
    PostgresPollingStatusType status = PQconnectPoll(conn);
    *ret_bytes = most_bytes - left_bytes;
    left_bytes = SIZE_MAX;
    return status;
}
