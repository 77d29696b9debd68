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

# A zombie is not alive.
alive() {
    grep -q '^State:.[^ZX]' "/proc/$1/status" 2>/dev/null
}

# When a process began, in ticks since boot: tells it from a later one with the same pid.
birth() {
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20
}

# In /tmp whatever TMPDIR says: the path of a PostgreSQL socket has to be short. 711: the user postgres passes through.
scratch_make() {
    scratch=$(mktemp -d "/tmp/$1.XXXXXX")
    echo "$$ $(birth $$)" >"$scratch/owner"
    chmod 711 "$scratch"
}

scratch_remove() {
    find "$1" -maxdepth 3 -name conninfo 2>/dev/null | while read -r file; do
        "$lib/private-postgres" destroy "${file%/*}" >/dev/null 2>&1 || :
    done
    rm -rf "$1"
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
configure_and_compile() {
    stamp="$root $*"
    if [ "$(cat "$build/configured" 2>/dev/null)" != "$stamp" ]; then
        rm -rf "$build" && meson setup "$@" "$build" "$root" && echo "$stamp" >"$build/configured" || return 1
    fi
    ninja -C "$build"
}
