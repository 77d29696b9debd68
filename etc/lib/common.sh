# What etc/demo and tests/run share (sourced by them): steps with the time they took, a scratch directory that is gone
# at the end whatever happens, and the build. The caller sets `root`, the checkout.

lib=$root/etc/lib
umask 022
for variable in $(env | sed -n 's/^\(PG[A-Z]*\)=.*/\1/p'); do unset "$variable"; done

# Hundredths of a second since boot.
now_cs() {
    read -r up idle </proc/uptime
    echo "${up%.*}${up#*.}"
}

# step TEXT COMMAND...: says what is done while it is done; a failure shows the end of its output and ends the script.
step() {
    started_cs=$(now_cs)
    [ ${#1} -le 64 ] && printf '%-64s' "$1" || printf '%s\n%64s' "$1" ''
    shift
    if "$@" >"$scratch/step.log" 2>&1 </dev/null; then
        took_cs=$(($(now_cs) - started_cs))
        printf '%5d.%d s\n' $((took_cs / 100)) $((took_cs / 10 % 10))
    else
        printf '%9s\n' failed
        tail -n 40 "$scratch/step.log"
        return 1
    fi
}

# Runs it so that a signal to this script is answered at once, and not when it has ended; end_running() then ends it.
promptly() {
    setsid setpriv --pdeathsig TERM "$@" &
    running=$!
    code=0
    wait "$running" || code=$?
    running=
    return "$code"
}

running=
end_running() {
    [ -n "$running" ] || return 0
    kill -s TERM -- "-$running" 2>/dev/null || :
    for attempt in $(seq 15); do
        alive "$running" || break
        sleep 0.1
    done
    kill -s KILL -- "-$running" 2>/dev/null || :
    running=
}

# A zombie is not alive.
alive() {
    grep -q '^State:.[^ZX]' "/proc/$1/status" 2>/dev/null
}

# When a process began, in ticks since boot: tells it from a later one with the same pid.
birth() {
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20
}

# In /tmp whatever TMPDIR says: the path of a PostgreSQL socket has to be short. 711: the user postgres passes through.
# A script that another one has started makes it in the other one's, and it goes with that.
scratch_make() {
    place=/tmp
    case ${TMPDIR:-} in /tmp/headgate-*) [ ! -f "$TMPDIR/owner" ] || place=$TMPDIR ;; esac
    scratch=$(mktemp -d "$place/$1.XXXXXX")
    echo "$$ $(birth $$)" >"$scratch/owner"
    chmod 711 "$scratch"
}

# The pids of what was started in it or was told to put its files there, as a path; servers and children among them.
scratch_pids() {
    { find /proc/[0-9]*/cwd -maxdepth 0 -lname "$1*" || :; grep -lszxF "TMPDIR=$1" /proc/[0-9]*/environ || :; } 2>/dev/null |
        cut -d / -f 3 | sort -u
}

# Servers are told to stop at once, which leaves no shared memory behind; what is still there after 2 s is killed.
scratch_end() {
    for file in $(find "$1" -maxdepth 4 -name postmaster.pid 2>/dev/null); do
        kill -s QUIT "$(head -n 1 "$file")" 2>/dev/null || :
    done
    for pid in $(scratch_pids "$1"); do kill -s CONT "$pid" 2>/dev/null || :; done
    for attempt in $(seq 20); do
        [ -n "$(find "$1" -maxdepth 4 -name postmaster.pid 2>/dev/null)" ] || break
        sleep 0.1
    done
    for pid in $(scratch_pids "$1"); do kill -s KILL "$pid" 2>/dev/null || :; done
}

scratch_remove() {
    scratch_end "$1"
    rm -rf "$1" 2>/dev/null || { sleep 0.5; rm -rf "$1"; }
}

# Removes what earlier runs left when they were killed: ours, and their process is gone.
scratch_sweep() {
    for old in /tmp/"$1".*; do
        [ -O "$old" ] && [ ! -L "$old" ] && [ -f "$old/owner" ] || continue
        read -r pid born <"$old/owner" || continue
        [ "$(birth "$pid")" != "$born" ] || continue
        echo "Cleaning up after a run that was killed: $old"
        scratch_remove "$old" || :
    done
}

install_packages() {
    missing=$("$lib/install-packages" --missing "$@")
    if [ -z "$missing" ]; then
        return 0
    fi
    step "Installing $missing" "$lib/install-packages" "$@"
}

# Sets `build`: build/NAME in the checkout, else (another run builds there now, or the checkout is read-only or someone
# else's) a directory of this run's own. The lock is held on descriptor 9: the servers and tests started later close it.
choose_build_dir() {
    build=$scratch/build
    [ -O "$root" ] && mkdir -p "$root/build" 2>/dev/null && [ -O "$root/build" ] && [ -w "$root/build" ] || return 0
    exec 9>>"$root/build/$1.lock"
    flock -n 9 || return 0
    build=$root/build/$1
}

# Configures anew whenever the options or the checkout's place are not those of last time, or last time did not finish.
configure() {
    stamp="$root $*"
    if [ "$(cat "$build/configured" 2>/dev/null)" != "$stamp" ]; then
        rm -rf "$build" && promptly meson setup "$@" "$build" "$root" && echo "$stamp" >"$build/configured" || return 1
    fi
}

compile() {
    promptly ninja -C "$build"
}

configure_and_compile() {
    configure "$@" && compile
}
