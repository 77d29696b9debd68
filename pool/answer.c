#include "pool/answer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- its shape --- */

bool answer_refuse(struct answer *answer, const char *format, ...) {
    va_list arguments;
    if (*answer->wrong)
        return false;
    va_start(arguments, format);
    vsnprintf(answer->wrong, sizeof answer->wrong, format, arguments);
    va_end(arguments);
    return false;
}

bool answer_open(struct answer *answer, const PGresult *result, int columns, int rows_least, int rows_most) {
    *answer = (struct answer){.result = result};
    if (!result)
        return answer_refuse(answer, "the server's answer did not come, or has no end");
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return answer_refuse(answer, "the server's answer has no rows");
    if (PQnfields(result) != columns)
        return answer_refuse(answer, "the server's answer has %d columns instead of %d", PQnfields(result),
                             columns);
    if (PQntuples(result) < rows_least || PQntuples(result) > rows_most)
        return answer_refuse(answer, "the server's answer has %d rows instead of %d", PQntuples(result),
                             PQntuples(result) < rows_least ? rows_least : rows_most);
    return true;
}

int answer_rows(const struct answer *answer) {
    return *answer->wrong ? 0 : PQntuples(answer->result);
}

/* --- its values --- */

bool answer_is_null(const struct answer *answer, int row, int column) {
    return *answer->wrong || PQgetisnull(answer->result, row, column);
}

const char *answer_text(const struct answer *answer, int row, int column) {
    return answer_is_null(answer, row, column) ? "" : PQgetvalue(answer->result, row, column);
}

bool answer_flag(const struct answer *answer, int row, int column) {
    return strcmp(answer_text(answer, row, column), "t") == 0;
}

bool answer_parse(const char *text, int64_t least, int64_t most, int64_t *ret_number) {
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    bool is_number = (*text == '-' || (*text >= '0' && *text <= '9')) && end > text && !*end && !errno;
    if (!is_number || number < least || number > most)
        return false;
    *ret_number = number;
    return true;
}

int64_t answer_number(struct answer *answer, int row, int column, int64_t least, int64_t most) {
    const char *text = answer_text(answer, row, column);
    int64_t number = least;
    if (!answer_parse(text, least, most, &number))
        answer_refuse(answer,
                      "column %d of the server's answer is '%.40s' instead of a number from %" PRId64
                      " to %" PRId64,
                      column + 1, text, least, most);
    return number;
}

int64_t answer_number_or(struct answer *answer, int row, int column, int64_t of_null) {
    return answer_is_null(answer, row, column) ? of_null
                                               : answer_number(answer, row, column, INT64_MIN, INT64_MAX);
}

#define SECONDS_MOST 1e11 /* 3000 years, as a bound of what is cast to microseconds */

double answer_seconds(struct answer *answer, int row, int column) {
    const char *text = answer_text(answer, row, column);
    char *end;
    if (!*text)
        return 0;
    double seconds = strtod(text, &end);
    bool is_decimal = strspn(text, "-0123456789.e+") == strlen(text) && !*end;
    if (is_decimal && seconds > -SECONDS_MOST && seconds < SECONDS_MOST)
        return seconds;
    answer_refuse(answer, "column %d of the server's answer is '%.40s' instead of seconds", column + 1, text);
    return 0;
}

/* --- what went wrong, in the server's words --- */

char *answer_field(const PGresult *result, int field) {
    return text_taken(PQresultErrorField(result, field));
}

void answer_say_error(struct text *text, const char *before, const char *message) {
    struct text lines = {0};
    char *taken = text_taken(message);
    text_add(&lines, "%s%s", before, taken);
    text_add_lines(text, lines.bytes);
    text_finish(&lines);
    free(taken);
}
