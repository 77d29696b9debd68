#include "scheduler/daemon/alarm.h"

#include <sys/timerfd.h>
#include <unistd.h>

static void on_alarm(uv_poll_t *poll, int status, int events) {
    struct alarm *alarm = poll->data;
    uint64_t times;
    (void)status, (void)events;
    if (read(alarm->fd, &times, sizeof times) != sizeof times) /* it was set anew meanwhile */
        return;
    alarm->set_us = INSTANT_MAX;
    alarm->ring(alarm->context);
}

bool alarm_open(struct alarm *alarm, uv_loop_t *loop, void (*ring)(void *context), void *context) {
    *alarm = (struct alarm){.set_us = INSTANT_MAX, .ring = ring, .context = context};
    alarm->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (alarm->fd < 0)
        return false;
    if (uv_poll_init(loop, &alarm->poll, alarm->fd) != 0) {
        close(alarm->fd);
        return false;
    }
    alarm->poll.data = alarm;
    uv_poll_start(&alarm->poll, UV_READABLE, on_alarm);
    return true;
}

void alarm_set(struct alarm *alarm, struct mono at) {
    int64_t us = at.us > 0 ? at.us : 1; /* 0 would mean never */
    struct itimerspec when = {{0, 0}, {us / US_PER_S, us % US_PER_S * 1000}};
    if (at.us == alarm->set_us)
        return;
    alarm->set_us = at.us;
    if (at.us == INSTANT_MAX)
        when = (struct itimerspec){0};
    timerfd_settime(alarm->fd, TFD_TIMER_ABSTIME, &when, NULL);
}

void alarm_close(struct alarm *alarm) {
    uv_close((uv_handle_t *)&alarm->poll, NULL);
    close(alarm->fd);
}

bool alarm_is_closing(const struct alarm *alarm) {
    return uv_is_closing((const uv_handle_t *)&alarm->poll);
}
