# What tests/bench/foreground and tests/bench/office share (sourced by them): a PostgreSQL of their own, a database that is
# new for each cell of the table, the daemon, and a cell's line of name=value. The caller sets `root`, the checkout, and
# `size`, headgate's sessions.

. "$root/etc/lib/common.sh"

copies=5 # of each kind of task at x1: 21 a second are due, as in the reproduction of the incident
reserve=20
warm_up=3

note() { printf '%s\n' "$*" >&2; }

# Builds headgate, unless HEADGATE names one, and these programs of tests/bench; they are in $programs then.
build() { # program...
    meson setup "$root/build/bench" "$root" --buildtype=release >/dev/null 2>&1 || :
    programs=$root/build/bench/tests/bench
    for program; do
        shift
        set -- "$@" "tests/bench/$program"
    done
    [ -n "${HEADGATE:-}" ] || set -- "$@" headgate
    ninja -C "$root/build/bench" "$@" >/dev/null
    HEADGATE=${HEADGATE:-$root/build/bench/headgate}
}

admin() { "$bin/psql" -XAtq -F ' ' -v ON_ERROR_STOP=1 "$admin_conninfo" "$@"; }
office() { "$bin/psql" -XAtq -F ' ' -v ON_ERROR_STOP=1 "$office_conninfo" "$@"; }

# Vacuum and checkpoints would come at other moments of each cell. Commits that nobody waits for wake the WAL writer one by
# one, which then goes before the sessions of the application; the default is on.
start_server() { # sql_file
    mkdir "$scratch/pg"
    admin_conninfo=$("$lib/private-postgres" start "$scratch/pg" max_connections=100 autovacuum=off \
        checkpoint_timeout=1h synchronous_commit=on shared_preload_libraries=pg_stat_statements \
        pg_stat_statements.track_utility=off pg_stat_statements.track_planning=on)
    office_conninfo="host=$scratch/pg port=5432 user=office dbname=office_db"
    admin -c 'CREATE EXTENSION pg_stat_statements' -c 'CREATE ROLE office LOGIN IN ROLE pg_monitor' \
        -c 'CREATE DATABASE office_template OWNER office'
    "$bin/psql" -Xq -v ON_ERROR_STOP=1 -v employees=200 "${office_conninfo%dbname=*}dbname=office_template" \
        -f "$root/etc/office/schema.sql" -f "$root/etc/office/procedures.sql" -f "$root/etc/office/generate.sql" \
        -f "$1"
    admin -c 'CHECKPOINT'
}

# Each cell begins with the same tables.
renew_database() {
    admin -c 'SET client_min_messages = warning' -c 'DROP DATABASE IF EXISTS office_db WITH (FORCE)' \
        -c 'CREATE DATABASE office_db TEMPLATE office_template OWNER office'
}

ini_head() {
    printf '[headgate]\ncontrol = %s/control\n' "$scratch"
    printf '[pool office]\nconninfo = %s\nsize = %s\nreserve = %s\n' "$office_conninfo" "$size" $reserve
}

start_daemon() {
    "$HEADGATE" run "$scratch/bench.ini" 2>"$scratch/log" &
    daemon=$!
    until "$HEADGATE" status "$scratch/bench.ini" >/dev/null 2>&1; do
        kill -0 "$daemon" || { cat "$scratch/log" >&2; exit 1; }
        sleep 0.1
    done
}

stop_daemon() {
    "$HEADGATE" status --json "$scratch/bench.ini" >"$scratch/status"
    kill "$daemon"
    wait "$daemon" || :
    daemon=
}

headgate_failures() {
    grep -o '"failed":[0-9]*' "$scratch/status" | awk -F : '{sum += $2} END {printf "failed=%d ", sum}'
    grep -o '"merged":[0-9]*' "$scratch/status" | awk -F : '{sum += $2} END {printf "merged_all=%d\n", sum}'
}

# An application is on a machine of its own: its programs go before the server's where we may say so. A nice level
# would not do: where the kernel shares processors among process groups (autogroup), it counts within one of them.
goes_ahead=no
if chrt -f 1 true 2>/dev/null; then
    goes_ahead=yes
    ahead() { exec chrt -f 1 "$@"; }
else
    note 'The programs of the application have no priority: no right to use chrt -f. They wait for the tasks, too.'
    ahead() { exec "$@"; }
fi

# A processor that halts for want of work is woken late, in a virtual machine by half a millisecond, and work beside the
# application's keeps it awake. So all are kept from halting, for as long as this shell has the file open.
if [ -w /dev/cpu_dma_latency ]; then
    exec 9>/dev/cpu_dma_latency
    printf '\0\0\0\0' >&9
else
    note 'Idle processors halt, and what comes waits for them to wake: no right to write to /dev/cpu_dma_latency.'
fi

start_monitor() { # start seconds
    ahead "$programs/foreground_load" monitor "$admin_conninfo application_name='bench monitor'" "$1" "$2" \
        >"$scratch/monitor" &
    monitor=$!
}

# What a program printed as name=value, each name with a prefix, without the newline.
numbers() { # prefix
    sed "s/[^ ]*=/$1_&/g" "$scratch/$1" | tr '\n' ' '
}

clean_up() {
    trap '' INT TERM HUP PIPE
    for process in ${daemon:-} ${background:-} ${foreground:-} ${monitor:-}; do
        kill "$process" 2>/dev/null || :
    done
    scratch_remove "$scratch"
}

prepare() { # name
    "$lib/install-packages" tests
    scratch_sweep "headgate-$1"
    scratch_make "headgate-$1"
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP PIPE
    bin=$("$lib/private-postgres" bin)
}
