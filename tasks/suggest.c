/*
 * Optimal string alignment distance (Damerau and Levenshtein), three rows of the table at a time.
 */
#include "tasks/suggest.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

size_t suggest_distance(const char *a, const char *b) {
    size_t a_length = strlen(a), b_length = strlen(b);
    if (a_length > SUGGEST_WORD_BYTES_MAX || b_length > SUGGEST_WORD_BYTES_MAX)
        return SUGGEST_WORD_BYTES_MAX;
    size_t rows[3][SUGGEST_WORD_BYTES_MAX + 1];
    for (size_t j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], above2[j - 2] + 1);
        }
    }
    return rows[a_length % 3][b_length];
}

/* A mistake is allowed, and one more for each four letters; a short word that shares no letter is not near.
 */
const char *suggest_better(const char *word, const char *best, const char *candidate) {
    size_t distance = suggest_distance(word, candidate);
    bool is_near = distance <= 1 + strlen(candidate) / 4 && distance < strlen(candidate);
    return is_near && (!best || distance < suggest_distance(word, best)) ? candidate : best;
}

const char *suggest_text(const char *best, char buffer[static SUGGEST_TEXT_BYTES]) {
    buffer[0] = '\0';
    if (best)
        snprintf(buffer, SUGGEST_TEXT_BYTES, "; did you mean '%s'?", best);
    return buffer;
}
