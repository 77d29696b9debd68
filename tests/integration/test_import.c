/*
 * `headgate import`: what is printed for a crontab, for pg_cron's table and for pg_timetable's, and that it does what they did.
 */
#include "one_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct process file;

static int start(void **state) {
    (void)state;
    server_start(&server, "max_connections=30");
    return 0;
}

/* Writes a text to a file beside the ini file. */
static void write_beside(const char *name, const char *text) {
    char path[200];
    snprintf(path, sizeof path, "%.*s/%s", (int)(strrchr(file.ini, '/') - file.ini), file.ini, name);
    FILE *to = fopen(path, "w");
    fputs(text, to);
    fclose(to);
}

/* Runs it in the folder of the ini file, and holds its output against a piece that must be there. */
static void tells(int code, const char *arguments, const char *piece) {
    const char *output;
    int got = shell(&output, "cd $(dirname %s) && headgate %s", file.ini, arguments);
    if (got != code || !strstr(output, piece))
        fail_msg("headgate %s: exit %d, wanted %d and: %s\n%s", arguments, got, code, piece, output);
}

/* --- crontab --- */

static void import_crontab_is_seen_for_what_it_is(void **state) {
    (void)state;
    ini_write(&file, "x");
    write_beside("user", "@daily true\n");
    write_beside("system", "0 6 * * * root true\n");
    write_beside("none", "# nothing\nA=b\n");
    write_beside("reboot", "@reboot true\n");
    tells(0, "import crontab user", "# From a user's crontab.");
    tells(0, "import crontab - <user", "# From a user's crontab.");
    tells(1, "import crontab user --system", "NOT CARRIED OVER, line 1: this is no line of a crontab.");
    tells(0, "import crontab system", "# cron ran it as root; headgate runs it as the daemon's user.");
    tells(0, "import crontab system --user", "'cd; root true'");
    tells(0, "import crontab user --zone Asia/Tokyo", "zone = Asia/Tokyo\n");
    tells(0, "import crontab user 2>&1 >/dev/null", "user: 1 task\n");
    tells(0, "import crontab user --zone ''", "this file goes by UTC");
    tells(1, "import crontab none", "none has no job");
    tells(1, "import crontab reboot", "reboot: 0 tasks; not carried over: 1, see the comments NOT CARRIED OVER");
    tells(1, "import crontab nowhere", "nowhere cannot be read: No such file");
    tells(1, "import crontab .", "cannot be read");
    tells(1, "import crontab /dev/zero", "cannot be read");
    tells(2, "import crontab", "which FILE?");
    tells(2, "import crontab user --user --system", "keep one");
    tells(2, "import", "which KIND?");
    tells(2, "import anacron x", "nothing is known of 'anacron'");
    tells(0, "import --help", "usage: headgate import crontab FILE");
    tells(0, "import crontab --help", "--zone NAME");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(import_crontab_is_seen_for_what_it_is, tidy),
    };
    return run_all(tests, start, stop);
}
