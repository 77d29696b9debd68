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

/* words: in lower case, ended by NULL. */
static bool begins_with_one_of(const char *sql, const char *const *words) {
    const char *at = skip_comments(sql);
    size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    for (; *words; words++)
        if (strlen(*words) == length && strncasecmp(at, *words, length) == 0)
            return true;
    return false;
}

bool statement_is_one_transaction(const char *sql) {
    static const char *const words[] = {"select", "insert", "update", "delete", "merge",
                                        "with",   "values", "table",  NULL};
    return begins_with_one_of(sql, words);
}

bool statement_may_commit(const char *sql) {
    static const char *const words[] = {"call", "do", NULL};
    return begins_with_one_of(sql, words);
}

static bool is_one_of(const char *tag, const char *const *tags) {
    for (; *tags; tags++)
        if (strcmp(tag, *tags) == 0)
            return true;
    return false;
}

bool statement_tag_commits(const char *tag) {
    static const char *const tags[] = {"COMMIT", "PREPARE TRANSACTION", "COMMIT PREPARED",
                                       "ROLLBACK PREPARED", NULL};
    return is_one_of(tag, tags);
}

bool statement_tag_changes(const char *tag) {
    static const char *const words[] = {"INSERT", "UPDATE", "DELETE", "MERGE", NULL};
    size_t length = strcspn(tag, " ");
    for (const char *const *word = words; *word; word++)
        if (strlen(*word) == length && strncmp(tag, *word, length) == 0)
            return true;
    return false;
}

bool statement_tag_is_transaction(const char *tag) {
    static const char *const tags[] = {"BEGIN",    "START TRANSACTION",   "COMMIT",
                                       "ROLLBACK", "PREPARE TRANSACTION", NULL};
    return is_one_of(tag, tags);
}
