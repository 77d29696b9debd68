# The table and the plot of tests/bench/office, and whether what was promised holds. Reads one line a cell and round, of
# name=value, with cells.awk before it.

BEGIN {
    what["a"] = "25+15 shared, held"
    what["b"] = "50+30 shared, held"
    what["c"] = "50+30 shared, released"
    what["d"] = "headgate 8, held"
    what["e"] = "headgate 8, staged"
}

function cell_name(way, scale) { return "x" scale " (" way ")" }

# Of (d) and (e) the server knows no unit that failed, and headgate knows runs.
function failed(c) { return v[c, "failed"] + v[c, "background_failed"] }

function is_alone(c) { return v[c, "way"] == "alone" }

function alone_p99_us(place) { return v[cell_name("alone", 0) " " place, "foreground_p99_us"] }

function ratio(c) {
    return v[c, "foreground_p99_us"] / ((alone_p99_us("before") + alone_p99_us("after")) / 2)
}

function row(c,    mean) {
    row_begin()
    put(is_alone(c) ? "" : "x" v[c, "scale"])
    put(is_alone(c) ? "alone" : "(" v[c, "way"] ") " what[v[c, "way"]])
    put(errors(c) " of " v[c, "foreground_arrived"])
    put(ms(v[c, "foreground_p50_us"]))
    put(ms(v[c, "foreground_p99_us"]))
    put(sprintf("%.2f", ratio(c)))
    if (is_alone(c)) {
        while (column_count < 14) put("")
        return
    }
    mean = v[c, "monitor_background_mean_permille"] / 1000
    put(v[c, "done"] " of " v[c, "due"])
    put(failed(c))
    put(v[c, "done"] ? ms(v[c, "late_p50_us"]) : "-")
    put(v[c, "done"] ? ms(v[c, "late_p99_us"]) : "-")
    put(v[c, "monitor_background_peak"])
    put(sprintf("%.1f", mean))
    put(v[c, "done"] ? sprintf("%.3f", mean * seconds * rounds[c] / v[c, "done"]) : "-")
    put(v[c, "done"] ? sprintf("%.3f", v[c, "outside_us"] / 1e6) : "-")
}

# --- the plot: for each scale a group of columns, one a way; a p99's height is its logarithm ---

# Four lines a decade, from 1 ms to the wait of 3 s.
function height(us,    h) {
    h = int(log(us / 1000) / log(10) * 4 + 0.5)
    return h < 0 ? 0 : h > 14 ? 14 : h
}

function plot_label(h) {
    if (h % 4 == 0) return sprintf("%5d ms", 10 ^ (h / 4))
    return h == 14 ? "    3 s  " : ""
}

function plot_line(h, letters,    line, s, w, c, way, alone) {
    alone = height((alone_p99_us("before") + alone_p99_us("after")) / 2) == h
    line = sprintf("%8s |", plot_label(h))
    for (s = 1; s <= scale_count; s++) {
        line = line (alone ? "--" : "  ")
        for (w = 1; w <= 5; w++) {
            way = substr(letters, w, 1)
            c = cell_name(way, scales[s])
            if ((c, "way") in v && height(v[c, "foreground_p99_us"]) == h)
                line = line (errors(c) ? toupper(way) : way)
            else
                line = line (alone ? "-" : " ")
            line = line (alone ? "-" : " ")
        }
    }
    sub(/ +$/, "", line)
    print line
}

# At most five scales fit in 72 columns.
function plot(    h, s, line) {
    print "p99 of the application's requests, by employees; a capital: some of them failed; ---: alone\n"
    for (h = 14; h >= 0; h--) plot_line(h, "abcde")
    line = "         +"
    for (s = 1; s <= scale_count; s++) line = line "------------"
    print line
    line = "          "
    for (s = 1; s <= scale_count; s++) line = line sprintf("  %-10s", "x" scales[s])
    sub(/ +$/, "", line)
    print line
    print ""
    for (s = 1; s <= 5; s++) print "    " substr("abcde", s, 1) "  " what[substr("abcde", s, 1)]
}

# --- what was promised ---

function judge_staged(    i, c, all_errors, worst, worst_cell, peak, ours) {
    for (i = 1; i <= cell_count; i++) {
        c = cells[i]
        if (v[c, "way"] != "e") continue
        ours++
        all_errors += errors(c)
        if (ratio(c) > worst) { worst = ratio(c); worst_cell = c }
        if (v[c, "monitor_background_peak"] > peak) peak = v[c, "monitor_background_peak"]
    }
    if (!ours) return
    judge("beside (e) the application has no error at any scale", !all_errors, (all_errors + 0) " errors")
    judge("beside (e) the application's p99 is within 1.25 of alone", worst <= 1.25,
          sprintf("at the worst %.2f (%s)", worst, worst_cell))
    judge("(e) holds at most 8 sessions at every scale", peak <= 8, "at the most " (peak + 0))
}

function judge_incident(way, scale, size,    c) {
    c = cell_name(way, scale)
    if (!((c, "due") in v)) return
    judge("the incident shows: (" way ") fails at x" scale " with all its " size " sessions",
          errors(c) > 0 && v[c, "monitor_background_peak"] >= size,
          errors(c) " errors of the application, " failed(c) " units failed, " v[c, "monitor_background_peak"] " sessions")
}

function judge_units(    ours, theirs) {
    ours = cell_name("e", 8)
    theirs = cell_name("c", 8)
    if (!((ours, "due") in v) || !((theirs, "due") in v)) return
    judge("x8: (e) does at least 95 % of the units that (c) does", v[ours, "done"] >= 0.95 * v[theirs, "done"],
          v[ours, "done"] " against " v[theirs, "done"] " of " v[ours, "due"])
}

# Alone is measured before the others and after them.
function note_alone(first, second) {
    if (first > 1.25 * second || second > 1.25 * first)
        printf "- note: the two cells alone differ by more than 1.25 themselves (%s and %s ms): the machine was busy\n",
            ms(first), ms(second)
}

{
    pairs_read()
    name = cell_name(pair["way"], pair["scale"])
    if (pair["way"] == "alone") name = name " " pair["place"]
    else if (!(pair["scale"] in seen)) { seen[pair["scale"]] = 1; scales[++scale_count] = pair["scale"] }
    cell_take(name)
}
END {
    heading("scale,background,errors,p50 ms,p99 ms,of alone,units of due,failed,late p50 ms,late p99 ms,peak,mean," \
            "session-s/unit,outside-s/unit")
    for (i = 1; i <= cell_count; i++) row(cells[i])
    table_print()
    print ""
    plot()
    print ""
    judge_incident("a", 4, 40)
    judge_incident("b", 8, 80)
    judge_staged()
    judge_units()
    note_alone(alone_p99_us("before"), alone_p99_us("after"))
    note_load()
}
