/*
 * The server's texts are trusted for their form, but never so far that a line could break: what is not as its
 * type promises becomes a string.
 */
#include "pool/children/json_row.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum kind { STRING, BOOLEAN, WHOLE, FLOATING, DECIMAL, JSON };

/* pg_type.dat: the OIDs of a type and of its array. */
static const struct type {
    uint32_t oid, array_oid;
    enum kind kind;
} types[] = {
    {16, 1000, BOOLEAN},   /* bool */
    {21, 1005, WHOLE},     /* int2 */
    {23, 1007, WHOLE},     /* int4 */
    {20, 1016, WHOLE},     /* int8 */
    {700, 1021, FLOATING}, /* float4 */
    {701, 1022, FLOATING}, /* float8 */
    {1700, 1231, DECIMAL}, /* numeric */
    {114, 199, JSON},      /* json */
    {3802, 3807, JSON},    /* jsonb */
    {25, 1009, STRING},    /* text */
    {1043, 1015, STRING},  /* varchar */
    {1042, 1014, STRING},  /* bpchar */
    {19, 1003, STRING},    /* name */
    {2950, 2951, STRING},  /* uuid */
    {1082, 1182, STRING},  /* date */
    {1114, 1115, STRING},  /* timestamp */
    {1184, 1185, STRING},  /* timestamptz */
    {1083, 1183, STRING},  /* time */
    {1186, 1187, STRING},  /* interval */
    {17, 1001, STRING},    /* bytea */
    {869, 1041, STRING},   /* inet */
    {650, 651, STRING},    /* cidr */
    {26, 1028, STRING},    /* oid */
};

static void add(struct text *text, const char *piece) {
    text_add_bytes(text, piece, strlen(piece));
}

/* --- strings --- */

/* The bytes from `at` on that stand as they are: whole characters, none of which needs a change. */
static size_t plain_bytes(const char *at, const char *end, enum kind kind) {
    const char *start = at;
    while (at < end) {
        size_t length = text_utf8_length(at);
        if (length == 0 || length > (size_t)(end - at))
            break;
        if (kind == JSON ? *at == '\n' || *at == '\r' : (unsigned char)*at < ' ' || *at == '"' || *at == '\\')
            break;
        at += length;
    }
    return (size_t)(at - start);
}

static void add_changed(struct text *text, char byte, enum kind kind) {
    if ((unsigned char)byte >= 0x80)
        add(text, "\xEF\xBF\xBD"); /* U+FFFD */
    else if (kind == JSON)
        add(text, " ");
    else if (byte == '"' || byte == '\\')
        text_add(text, "\\%c", byte);
    else
        text_add(text, "\\u%04x", (unsigned)byte);
}

static void add_clean(struct text *text, const char *at, size_t count, enum kind kind) {
    for (const char *end = at + count; at < end;) {
        size_t plain = plain_bytes(at, end, kind);
        text_add_bytes(text, at, plain);
        at += plain;
        if (at < end)
            add_changed(text, *at++, kind);
    }
}

static void add_string(struct text *text, const char *bytes, size_t count) {
    add(text, "\"");
    add_clean(text, bytes, count, STRING);
    add(text, "\"");
}

/* --- numbers --- */

static size_t digits(const char *at) {
    return strspn(at, "0123456789");
}

/* As RFC 8259 has them: 007 is none. */
struct number {
    size_t whole, fraction; /* digits */
    bool has_exponent;
    const char *end;
};

static bool number_parse(const char *at, struct number *ret_number) {
    struct number number = {0};
    at += *at == '-';
    number.whole = digits(at);
    if (number.whole == 0 || (number.whole > 1 && *at == '0'))
        return false;
    at += number.whole;
    if (*at == '.') {
        number.fraction = digits(++at);
        if (number.fraction == 0)
            return false;
        at += number.fraction;
    }
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '+' || *at == '-';
        if (digits(at) == 0)
            return false;
        at += digits(at);
        number.has_exponent = true;
    }
    number.end = at;
    *ret_number = number;
    return true;
}

/* 2^53: up to there a double holds every whole number, and a double is what most readers have. */
static bool is_exact_whole(const char *at) {
    static const char most[] = "9007199254740992";
    at += *at == '-';
    size_t count = strlen(at);
    return count < sizeof most - 1 || (count == sizeof most - 1 && strcmp(at, most) <= 0);
}

/* A double keeps 15 digits, unless there are so many zeros before them that it is near its smallest. */
static bool is_exact_decimal(const char *at, const struct number *number) {
    size_t zeros = strspn(at, "-0.");
    size_t count = 0;
    for (const char *digit = at + zeros; *digit; digit++)
        count += *digit != '.';
    return count <= 15 && number->fraction < 290;
}

static bool is_number(const char *value, size_t count, enum kind kind) {
    struct number number;
    if (kind == STRING || !number_parse(value, &number) || number.end != value + count)
        return false;
    bool is_whole = number.fraction == 0 && !number.has_exponent;
    switch (kind) {
    case WHOLE: return is_whole && is_exact_whole(value);
    case FLOATING: return is_whole ? is_exact_whole(value) : isfinite(strtod(value, NULL));
    case DECIMAL: return !number.has_exponent && is_exact_decimal(value, &number);
    default: return false;
    }
}

/* --- values --- */

/* `value` is NUL-ended, too. */
static void add_scalar(struct text *text, enum kind kind, const char *value, size_t count) {
    if (kind == BOOLEAN && strcmp(value, "t") == 0)
        add(text, "true");
    else if (kind == BOOLEAN && strcmp(value, "f") == 0)
        add(text, "false");
    else if (kind == JSON && count > 0)
        add_clean(text, value, count, JSON);
    else if (is_number(value, count, kind))
        text_add_bytes(text, value, count);
    else
        add_string(text, value, count);
}

/* --- arrays: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO --- */

#define DIMENSIONS_MOST 6 /* MAXDIM */

struct array {
    const char *at;
    enum kind kind;
    struct text element; /* without its quotes */
};

/* [0:1][-1:1]= says where the indexes begin; JSON has no word for that. */
static const char *skip_bounds(const char *at) {
    const char *start = at;
    while (*at == '[') {
        at++;
        at += strspn(at, "0123456789-:");
        if (*at++ != ']')
            return start;
    }
    return at > start && *at == '=' ? at + 1 : start;
}

static bool read_quoted(struct array *array) {
    const char *at = array->at + 1;
    for (; *at && *at != '"'; at++) {
        at += *at == '\\';
        if (!*at)
            return false;
        text_add_bytes(&array->element, at, 1);
    }
    array->at = at + 1;
    return *at == '"';
}

static bool add_element(struct text *text, struct array *array) {
    text_clear(&array->element);
    text_add_bytes(&array->element, "", 0);
    if (*array->at == '"') {
        if (!read_quoted(array))
            return false;
    } else {
        size_t length = strcspn(array->at, "{},\"\\");
        if (length == 0)
            return false;
        text_add_bytes(&array->element, array->at, length);
        array->at += length;
        if (strcmp(array->element.bytes, "NULL") == 0) {
            add(text, "null");
            return true;
        }
    }
    add_scalar(text, array->kind, array->element.bytes, array->element.bytes_count);
    return true;
}

static bool add_items(struct text *text, struct array *array, int depth);

/* From an opening brace to behind its closing one. */
static bool add_dimension(struct text *text, struct array *array, int depth) {
    if (*array->at != '{' || depth > DIMENSIONS_MOST)
        return false;
    array->at++;
    add(text, "[");
    if (*array->at != '}' && !add_items(text, array, depth))
        return false;
    add(text, "]");
    return *array->at++ == '}';
}

static bool add_items(struct text *text, struct array *array, int depth) {
    for (;;) {
        bool is_nested = *array->at == '{';
        if (!(is_nested ? add_dimension(text, array, depth + 1) : add_element(text, array)))
            return false;
        if (*array->at != ',')
            return true;
        array->at++;
        add(text, ",");
    }
}

static void add_array(struct text *text, enum kind kind, const char *value, size_t count) {
    size_t before = text->bytes_count;
    struct array array = {.at = skip_bounds(value), .kind = kind};
    if (!add_dimension(text, &array, 1) || array.at != value + count) {
        text->bytes_count = before;
        add_string(text, value, count);
    }
    text_finish(&array.element);
}

/* --- rows --- */

static void add_value(struct text *text, const struct json_column *column) {
    if (!column->value) {
        add(text, "null");
        return;
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i].oid == column->type) {
            add_scalar(text, types[i].kind, column->value, column->value_bytes);
            return;
        }
        if (types[i].array_oid == column->type) {
            add_array(text, types[i].kind, column->value, column->value_bytes);
            return;
        }
    }
    add_string(text, column->value, column->value_bytes);
}

const char *json_row_twice(const struct json_column *columns, size_t count) {
    for (size_t i = 1; i < count; i++)
        for (size_t earlier = 0; earlier < i; earlier++)
            if (strcmp(columns[earlier].name, columns[i].name) == 0)
                return columns[i].name;
    return NULL;
}

void json_row_add(struct text *text, const struct json_column *columns, size_t count) {
    add(text, "{");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            add(text, ",");
        add_string(text, columns[i].name, strlen(columns[i].name));
        add(text, ":");
        add_value(text, &columns[i]);
    }
    add(text, "}\n");
}
