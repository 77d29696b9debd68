# What foreground.awk and office.awk share: the cells' numbers over several rounds, the table, the promises.

function ms(us) { return us >= 99950 ? sprintf("%.0f", us / 1000) : sprintf("%.1f", us / 1000) }

# --- an aligned markdown table ---

function row_begin() { row_count++; column_count = 0 }

function put(text) {
    at[row_count, ++column_count] = text
    if (length(text) > width[column_count]) width[column_count] = length(text)
}

function table_print(    r, c, line) {
    for (r = 1; r <= row_count; r++) {
        line = "|"
        for (c = 1; c <= column_count; c++)
            line = line sprintf(c == 2 ? " %-" width[c] "s |" : " %" width[c] "s |", at[r, c])
        print line
        if (r > 1) continue
        line = "|"
        for (c = 1; c <= column_count; c++)
            line = line " " substr("------------------------------", 1, width[c] - (c != 2)) (c != 2 ? ":" : "") " |"
        print line
    }
    for (c in width) delete width[c]
    row_count = 0
}

function heading(names,    name, count, i) {
    count = split(names, name, /,/)
    row_begin()
    for (i = 1; i <= count; i++) put(name[i])
}

# --- a line of name=value, and several rounds: counts are added, of peaks the most counts, of free slots the least, of the
# rest the median ---

function pairs_read(    i, equals) {
    for (i in pair) delete pair[i]
    for (i = 1; i <= NF; i++) {
        equals = index($i, "=")
        pair[substr($i, 1, equals - 1)] = substr($i, equals + 1)
    }
}

function cell_take(name,    key) {
    if (!(name in rounds)) cells[++cell_count] = name
    rounds[name]++
    for (key in pair) take(name, key, pair[key])
}

function take(name, key, value,    i) {
    if (value !~ /^-?[0-9]+$/) { v[name, key] = value; return }
    value += 0
    if (key ~ /_us$|_permille$|^scale$/) {
        for (i = rounds[name]; i > 1 && list[name, key, i - 1] > value; i--) list[name, key, i] = list[name, key, i - 1]
        list[name, key, i] = value
        v[name, key] = list[name, key, int((rounds[name] + 1) / 2)]
    } else if (!((name, key) in v)) v[name, key] = value
    else if (key ~ /_peak$/) v[name, key] = value > v[name, key] ? value : v[name, key]
    else if (key ~ /_least$/) v[name, key] = value < v[name, key] ? value : v[name, key]
    else v[name, key] += value
}

# Of a key whose median is kept.
function least(c, key) { return list[c, key, 1] }
function most(c, key) { return list[c, key, rounds[c]] }

function errors(c) {
    return v[c, "foreground_refused"] + v[c, "foreground_sql_error"] + v[c, "foreground_too_late"] + \
        v[c, "foreground_no_session"] + v[c, "foreground_unfinished"]
}

# --- what was promised ---

function judge(what, holds, numbers) { printf "- %s: **%s**, %s\n", what, holds ? "holds" : "does not hold", numbers }

# --- when the numbers say little ---

function note_load(    i, c) {
    for (i = 1; i <= cell_count; i++) {
        c = cells[i]
        if (v[c, "foreground_lag_p99_us"] > 5000)
            printf "- note: %s: the load itself was late by %s ms at p99 (the machine was busy); its p99 holds that, too\n",
                c, ms(v[c, "foreground_lag_p99_us"])
        if (v[c, "foreground_cpu_permille"] > 300)
            printf "- note: %s: the load itself used %d %% of a core\n", c, v[c, "foreground_cpu_permille"] / 10
    }
}
