/*
 * Servers that lie: a process that speaks the v3 protocol on ports of 127.0.0.1, honestly but at one point. It
 * answers what headgate asks in the way that a PostgreSQL does, from fixed rows, so that the point is reached.
 */
#ifndef TESTS_INTEGRATION_LIAR_H
#define TESTS_INTEGRATION_LIAR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A message: its type (0: the bytes are all), its body, the length that it claims (0: the true one). */
struct message {
    char type;
    const char *bytes;
    size_t bytes_count;
    unsigned claims;
};

#define MESSAGE(type, body)        {type, body, sizeof(body) - 1, 0}
#define CLAIMS(type, body, length) {type, body, sizeof(body) - 1, length}
#define BYTES(body)                {0, body, sizeof(body) - 1, 0}

/* In words: a row of texts with | between them, ~ is NULL; the description of columns of text. */
#define LIAR_ROW       '\1'
#define LIAR_COLUMNS   '\2'
#define ROW(values)    {LIAR_ROW, values, sizeof(values) - 1, 0}
#define COLUMNS(count) {LIAR_COLUMNS, "", 0, count}
#define TAG(tag)       {'C', tag, sizeof(tag), 0}
#define READY          {'Z', "I", 1, 0}

/* A body that is another one each time: of a parameter nobody has heard of. */
#define NUMBERED "12345678\0\0"
#define X64      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X512     X64 X64 X64 X64 X64 X64 X64 X64
#define X4096    X512 X512 X512 X512 X512 X512 X512 X512
/* Likewise, and large: so many small ones would cost libpq so much time that this alone ends the session. */
#define NUMBERED_LONG "12345678\0" X4096 X4096 X4096 X4096 "\0"

enum when {
    WHEN_NEVER,
    WHEN_SSL,      /* instead of 'N' to an SSLRequest */
    WHEN_STARTUP,  /* instead of the whole answer to the startup message */
    WHEN_LOGIN,    /* before the ReadyForQuery of a login */
    WHEN_FACTS,    /* instead of the rows of the look at the server's limits */
    WHEN_BACKENDS, /* likewise, at who is there */
    WHEN_WORK,     /* likewise, of the task's text */
    WHEN_CLEAN,    /* likewise, of DISCARD */
    WHEN_RESTORE,  /* likewise, of headgate.restore() */
    WHEN_COMMIT,   /* likewise, of COMMIT */
    WHEN_SYNC,     /* before the ReadyForQuery of a sync */
    WHEN_IDLE,     /* behind the ReadyForQuery of what follows a run */
};

enum after {
    THEN_GO_ON,   /* as an honest server would */
    THEN_CLOSE,
    THEN_SILENCE,
    THEN_AGAIN,   /* the same once more, for ever */
};

struct lie {
    const char *name; /* of the pool and the task, too */
    enum when when;
    struct message messages[4];
    enum after after;
    const char *says; /* on a line of the log that has the name, too; NULL: nothing has to be said */
};

#define LIES_MOST 32

struct liar_shared;

struct liar {
    pid_t pid;
    int ports[LIES_MOST]; /* one for each lie */
    struct liar_shared *shared;
};

/* At most LIES_MOST. It dies with the test. */
void liar_start(struct liar *liar, const struct lie *lies, size_t count);
/* How often a lie was told. */
long liar_told(const struct liar *liar, size_t lie);
void liar_stop(struct liar *liar);

#endif
