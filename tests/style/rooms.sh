# What the scripts of tests/ ask of the rooms, from the root of the sources. To be sourced.

# The rooms of tests/style/rooms, lowest first.
rooms() {
    sed -n 's/^\([a-z][a-z/]*\)\( .*\)*$/\1/p' tests/style/rooms | grep -v '^inner'
}

# The files that a room's meson.build lists under $2 (pure_sources, shell_sources), with the room in front.
listed() {
    awk -v room="$1" -v list="$2" -v quote="'" '
        $1 == list { on = 1 }
        on {
            count = split($0, part, quote)
            for (i = 2; i <= count; i += 2)
                print room "/" part[i]
        }
        on && /\)/ { on = 0 }' "$1/meson.build"
}
