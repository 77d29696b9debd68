#include "netns.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Returns when the namespace is there, or was refused. */
static pid_t hold_namespace(void) {
    int pipe_fds[2];
    char answer = 'n';
    if (pipe2(pipe_fds, O_CLOEXEC) != 0)
        return 0;
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        answer = unshare(CLONE_NEWNET) == 0 ? 'y' : 'n';
        if (write(pipe_fds[1], &answer, 1) != 1 || answer == 'n')
            _exit(1);
        for (;;)
            pause();
    }
    close(pipe_fds[1]);
    bool fine = read(pipe_fds[0], &answer, 1) == 1 && answer == 'y';
    close(pipe_fds[0]);
    if (!fine)
        waitpid(pid, NULL, 0);
    return fine ? pid : 0;
}

static void write_wrapper(struct netns *netns) {
    const char *parent = getenv("TMPDIR");
    snprintf(netns->wrapper, sizeof netns->wrapper, "%s/%s.sh", parent ? parent : "/tmp", netns->link);
    FILE *file = fopen(netns->wrapper, "w");
    fprintf(file, "#!/bin/sh\nexec nsenter --net=/proc/%d/ns/net '%s' \"$@\"\n", (int)netns->holder,
            getenv("HEADGATE"));
    fclose(file);
    chmod(netns->wrapper, 0700);
}

bool netns_open(struct netns *netns, int number) {
    int pid = (int)getpid();
    const char *output;
    memset(netns, 0, sizeof *netns);
    netns->holder = hold_namespace();
    if (!netns->holder) {
        fprintf(stderr, "no network namespace can be made here (it needs CAP_SYS_ADMIN)\n");
        return false;
    }
    snprintf(netns->link, sizeof netns->link, "hg%d%c", pid, 'a' + number);
    snprintf(netns->address, sizeof netns->address, "10.%d.%d.%d", 64 + pid / 250 % 128, pid % 250,
             4 * number + 1);
    if (shell(&output,
              "ip link add %s type veth peer name eth0 netns %d && ip addr add %s/30 dev %s && ip link set "
              "%s up &&"
              " nsenter --net=/proc/%d/ns/net sh -c 'ip addr add 10.%d.%d.%d/30 dev eth0 && ip link set eth0 "
              "up &&"
              " ip link set lo up'",
              netns->link, (int)netns->holder, netns->address, netns->link, netns->link, (int)netns->holder,
              64 + pid / 250 % 128, pid % 250, 4 * number + 2) != 0) {
        fprintf(stderr, "no pair of interfaces can be made here: %s\n", output);
        netns_close(netns);
        return false;
    }
    write_wrapper(netns);
    return true;
}

void netns_set_link(const struct netns *netns, bool up) {
    assert_int_equal(shell(NULL, "ip link set %s %s", netns->link, up ? "up" : "down"), 0);
}

void netns_daemon_start(const struct netns *netns, struct process *process) {
    char real[512];
    snprintf(real, sizeof real, "%s", getenv("HEADGATE"));
    setenv("HEADGATE", netns->wrapper, 1);
    daemon_start(process);
    setenv("HEADGATE", real, 1);
}

void netns_close(struct netns *netns) {
    if (!netns->holder)
        return;
    shell(NULL, "ip link del %s 2>/dev/null; rm -f '%s'", netns->link, netns->wrapper);
    kill(netns->holder, SIGKILL);
    waitpid(netns->holder, NULL, 0);
    netns->holder = 0;
}
