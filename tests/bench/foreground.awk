# The table of tests/bench/foreground, and whether what was promised holds. Reads one line a cell and round, of name=value.
# The file named samples has, for each cell of headgate: how often it asked the server, and that per mille of a core.

function cell_name(way, scale, profile) { return profile " x" scale " " way }

function errors(c) {
    return v[c, "foreground_refused"] + v[c, "foreground_sql_error"] + v[c, "foreground_too_late"] + \
        v[c, "foreground_unfinished"]
}

function failed(c) {
    if ((c, "background_failed") in v) return v[c, "background_failed"] + 0
    return v[c, "background_refused"] + v[c, "background_sql_error"] + v[c, "background_no_session"] + \
        v[c, "background_unfinished"]
}

function merged(c,    rest) {
    rest = v[c, "due"] - v[c, "done"] - failed(c)
    return rest > 0 ? rest : 0
}

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

function heading(    name, count, i) {
    count = split("scale,background,errors,p50 ms,p99 ms,of alone,runs of due,failed,merged,late p50 ms,late p99 ms," \
                  "peak,mean,session-s/run,least free", name, /,/)
    row_begin()
    for (i = 1; i <= count; i++) put(name[i])
}

function row(c, profile,    mean) {
    row_begin()
    put(v[c, "scale"] ? "x" v[c, "scale"] : "")
    put(v[c, "way"])
    put(errors(c) " of " v[c, "foreground_arrived"])
    put(ms(v[c, "foreground_p50_us"]))
    put(ms(v[c, "foreground_p99_us"]))
    put(sprintf("%.2f", ratio(c, profile)))
    if (v[c, "way"] == "alone") {
        while (column_count < 14) put("")
    } else {
        mean = v[c, "monitor_background_mean_permille"] / 1000
        put(v[c, "done"] " of " v[c, "due"])
        put(failed(c))
        put(merged(c))
        put(ms(v[c, "late_p50_us"]))
        put(ms(v[c, "late_p99_us"]))
        put(v[c, "monitor_background_peak"])
        put(sprintf("%.1f", mean))
        put(v[c, "done"] ? sprintf("%.3f", mean * seconds * rounds[c] / v[c, "done"]) : "-")
    }
    put(v[c, "monitor_free_least"])
}

# Alone is measured before the others and after them: their mean.
function alone_p99_us(profile, place) { return v[cell_name("alone", 0, profile) " " place, "foreground_p99_us"] }

function ratio(c, profile) {
    return v[c, "foreground_p99_us"] / ((alone_p99_us(profile, "before") + alone_p99_us(profile, "after")) / 2)
}

# --- of several rounds: counts are added, of peaks the most counts, of free slots the least, of the rest the median ---

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

# --- what was promised ---

function judge(what, holds, numbers) { printf "- %s: **%s**, %s\n", what, holds ? "holds" : "does not hold", numbers }

function judge_everywhere(    i, c, all_errors, worst, worst_cell, free, incident, theirs, ours) {
    free = 1000
    for (i = 1; i <= cell_count; i++) {
        c = cells[i]
        if (v[c, "way"] == "50+30") { theirs++; incident += errors(c) + failed(c) }
        if (v[c, "way"] != "headgate") continue
        ours++
        all_errors += errors(c)
        if (ratio(c, v[c, "profile"]) > worst) { worst = ratio(c, v[c, "profile"]); worst_cell = c }
        if (v[c, "monitor_free_least"] < free) free = v[c, "monitor_free_least"]
    }
    if (theirs) judge("the incident shows: with 50+30 the foreground or the background fails at some scale", incident > 0,
          (incident + 0) " errors and failed runs")
    if (!ours) return
    judge("beside headgate the foreground has no error", !all_errors, (all_errors + 0) " errors")
    judge("beside headgate the foreground's p99 is within 1.25 of alone", worst <= 1.25,
          sprintf("at the worst %.2f (%s)", worst, worst_cell))
    judge("headgate never eats the reserve of " reserve, free >= reserve, "at least " free " slots were free")
}

function judge_at_x8(profile,    ours, theirs) {
    ours = cell_name("headgate", 8, profile)
    theirs = cell_name("50+30", 8, profile)
    if (!((ours, "due") in v) || !((theirs, "due") in v)) return
    judge("x8, " profile ": at most a quarter of the sessions of 50+30",
          4 * v[ours, "monitor_background_peak"] <= v[theirs, "monitor_background_peak"],
          v[ours, "monitor_background_peak"] " against " v[theirs, "monitor_background_peak"])
    judge("x8, " profile ": as many runs done as with 50+30", v[ours, "done"] >= v[theirs, "done"],
          v[ours, "done"] " against " v[theirs, "done"] " of " v[ours, "due"])
}

function sample_line() {
    if (!asked)
        return "headgate's samples: none seen (no statement that begins with /* headgate sample */)"
    return sprintf("headgate's samples cost %.2f per mille of one core at the most, %d of them in the cell that asked most",
                   sample_permille, asked)
}

function notes(    i, c, p, first, second) {
    for (p = 1; p <= profile_count; p++) {
        first = alone_p99_us(profiles[p], "before")
        second = alone_p99_us(profiles[p], "after")
        if (first > 1.25 * second || second > 1.25 * first)
            printf "- note: %s: the two cells alone differ by more than 1.25 themselves (%s and %s ms): the machine was busy\n",
                profiles[p], ms(first), ms(second)
    }
    for (i = 1; i <= cell_count; i++) {
        c = cells[i]
        if (v[c, "foreground_lag_p99_us"] > 5000)
            printf "- note: %s: the load itself was late by %s ms at p99 (the machine was busy); its p99 holds that, too\n",
                c, ms(v[c, "foreground_lag_p99_us"])
        if (v[c, "foreground_cpu_permille"] > 300)
            printf "- note: %s: the load itself used %d %% of a core\n", c, v[c, "foreground_cpu_permille"] / 10
    }
}

FILENAME ~ /samples$/ {
    if ($1 > asked) asked = $1
    if ($2 > sample_permille) sample_permille = $2
    next
}
{
    for (i = 1; i <= NF; i++) {
        equals = index($i, "=")
        pair[substr($i, 1, equals - 1)] = substr($i, equals + 1)
    }
    profile = pair["profile"]
    name = cell_name(pair["way"], pair["scale"], profile)
    if (pair["way"] == "alone") name = name " " pair["place"]
    if (!(name in rounds)) cells[++cell_count] = name
    rounds[name]++
    for (key in pair) take(name, key, pair[key])
    for (key in pair) delete pair[key]
    if (!(profile in seen)) { seen[profile] = 1; profiles[++profile_count] = profile }
}
END {
    for (p = 1; p <= profile_count; p++) {
        print (p > 1 ? "\n" : "") (profiles[p] == "steady" ? "Foreground: 60 requests a second." : \
            "Foreground: 60 requests a second, and 600 for one second in ten.") "\n"
        heading()
        for (i = 1; i <= cell_count; i++)
            if (v[cells[i], "profile"] == profiles[p]) row(cells[i], profiles[p])
        table_print()
    }
    print "\n" sample_line() "\n"
    judge_everywhere()
    for (p = 1; p <= profile_count; p++) judge_at_x8(profiles[p])
    notes()
}
