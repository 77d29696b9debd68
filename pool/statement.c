#include "pool/statement.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Past blanks, -- comments and nested block comments. */
static const char *skip_comments(const char *at) {
    for (;;) {
        at += strspn(at, " \t\r\n\f\v(");
        if (strncmp(at, "--", 2) == 0) {
            at += strcspn(at, "\n");
        } else if (strncmp(at, "/*", 2) == 0) {
            int depth = 0;
            do {
                if (strncmp(at, "/*", 2) == 0) {
                    depth++;
                    at += 2;
                } else if (strncmp(at, "*/", 2) == 0) {
                    depth--;
                    at += 2;
                } else {
                    at++;
                }
            } while (depth > 0 && *at);
        } else {
            return at;
        }
    }
}

bool statement_is_one_transaction(const char *sql) {
    static const char *const words[] = {"select", "insert", "update", "delete",
                                        "merge",  "with",   "values", "table"};
    const char *at = skip_comments(sql);
    size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == length && strncasecmp(at, words[i], length) == 0)
            return true;
    return false;
}

bool statement_tag_is_transaction(const char *tag) {
    static const char *const tags[] = {"BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK",
                                       "PREPARE TRANSACTION"};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (strcmp(tag, tags[i]) == 0)
            return true;
    return false;
}
