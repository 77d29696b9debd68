# The table of tests/bench/foreground, and whether what was promised holds. Reads one line a cell and round, of name=value,
# with cells.awk before it.
# The file named samples has, for each cell of headgate: how often it asked the server, and that per mille of a core;
# that named quantiles p50 and p99 of the requests of all rounds together.

function cell_name(way, scale, profile) { return profile " x" scale " " way }

function failed(c) {
    if ((c, "background_failed") in v) return v[c, "background_failed"] + 0
    return v[c, "background_refused"] + v[c, "background_sql_error"] + v[c, "background_no_session"] + \
        v[c, "background_unfinished"]
}

function merged(c,    rest) {
    rest = v[c, "due"] - v[c, "done"] - failed(c)
    return rest > 0 ? rest : 0
}

function headings() {
    heading("scale,background,errors,p50 ms,p99 ms,of alone,runs of due,failed,merged,late p50 ms,late p99 ms," \
            "peak,mean,session-s/run,least free")
}

function row(c, profile,    mean) {
    row_begin()
    put(v[c, "scale"] ? "x" v[c, "scale"] : "")
    put(v[c, "way"])
    put(errors(c) " of " v[c, "foreground_arrived"])
    put(ms(p50_us[c]))
    put(ms(p99_us[c]))
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

function ratio(c, profile) { return p99_us[c] / p99_us[cell_name("alone", 0, profile)] }

function rounds_say(c) {
    return ms(least(c, "foreground_p99_us")) " to " ms(most(c, "foreground_p99_us")) " ms"
}

function is_ours(c) { return v[c, "way"] == "headgate" || v[c, "way"] == "spread" }

function judge_everywhere(    i, c, way, all_errors, worst, worst_cell, free, incident, theirs, ours) {
    free = 1000
    for (i = 1; i <= cell_count; i++) {
        c = cells[i]
        if (v[c, "way"] == "50+30") { theirs++; incident += errors(c) + failed(c) }
        if (!is_ours(c)) continue
        ours++
        all_errors += errors(c)
        way = v[c, "way"]
        if (ratio(c, v[c, "profile"]) > worst[way]) { worst[way] = ratio(c, v[c, "profile"]); worst_cell[way] = c }
        if (v[c, "monitor_free_least"] < free) free = v[c, "monitor_free_least"]
    }
    if (theirs) judge("the incident shows: with 50+30 the foreground or the background fails at some scale", incident > 0,
          (incident + 0) " errors and failed runs")
    if (!ours) return
    judge("beside headgate the foreground has no error", !all_errors, (all_errors + 0) " errors")
    for (way in worst)
        judge("beside headgate the foreground's p99 is within 1.25 of alone, tasks " \
              (way == "spread" ? "spread" : "due at once"), worst[way] <= 1.25,
              sprintf("at the worst %.2f (%s; its cells had %s)", worst[way], worst_cell[way], rounds_say(worst_cell[way])))
    judge("headgate never eats the reserve of " reserve, free >= reserve, "at least " free " slots were free")
}

function by_round(c) { return v[c, "done"] / rounds[c] " of " v[c, "due"] / rounds[c] }

function judge_at_x8(way, profile,    ours, theirs) {
    ours = cell_name(way, 8, profile)
    theirs = cell_name("50+30", 8, profile)
    if (!((ours, "due") in v) || !((theirs, "due") in v)) return
    judge("x8, " profile ", " way ": at most a quarter of the sessions of 50+30",
          4 * v[ours, "monitor_background_peak"] <= v[theirs, "monitor_background_peak"],
          v[ours, "monitor_background_peak"] " against " v[theirs, "monitor_background_peak"])
    judge("x8, " profile ", " way ": as many runs done as with 50+30, by round",
          v[ours, "done"] * rounds[theirs] >= v[theirs, "done"] * rounds[ours], by_round(ours) " against " by_round(theirs))
}

function sample_line() {
    if (!asked)
        return "headgate's samples: none seen (no statement that begins with /* headgate sample */)"
    return sprintf("headgate's samples cost %.2f per mille of one core at the most, %d of them in the cell that asked most",
                   sample_permille, asked)
}

function notes(    p, c) {
    for (p = 1; p <= profile_count; p++) {
        c = cell_name("alone", 0, profiles[p])
        printf "- note: %s: the p99 of the %d cells alone was %s\n", profiles[p], rounds[c], rounds_say(c)
    }
    if (disturbed)
        print "- note: " disturbed " cells were disturbed by neighbours and count all the same: --patience was used up"
    note_load()
}

FILENAME ~ /samples$/ {
    if ($1 > asked) asked = $1
    if ($2 > sample_permille) sample_permille = $2
    next
}
FILENAME ~ /quantiles$/ {
    p50_us[cell_name($3, $2, $1)] = $4
    p99_us[cell_name($3, $2, $1)] = $5
    next
}
{
    pairs_read()
    profile = pair["profile"]
    cell_take(cell_name(pair["way"], pair["scale"], profile))
    if (!(profile in seen)) { seen[profile] = 1; profiles[++profile_count] = profile }
}
END {
    for (p = 1; p <= profile_count; p++) {
        print (p > 1 ? "\n" : "") (profiles[p] == "steady" ? "Foreground: 60 requests a second." : \
            "Foreground: 60 requests a second, and 600 for one second in ten.") "\n"
        headings()
        for (i = 1; i <= cell_count; i++)
            if (v[cells[i], "profile"] == profiles[p]) row(cells[i], profiles[p])
        table_print()
    }
    print "\n" sample_line() "\n"
    judge_everywhere()
    for (p = 1; p <= profile_count; p++) {
        judge_at_x8("headgate", profiles[p])
        judge_at_x8("spread", profiles[p])
    }
    notes()
}
