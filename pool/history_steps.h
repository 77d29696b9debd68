/*
 * The schema of the history, as the daemon makes it: the files of etc/history, put into the program when it
 * is built (pool/history_embed.py writes the .c). It knows nothing of who runs it.
 */
#ifndef POOL_HISTORY_STEPS_H
#define POOL_HISTORY_STEPS_H

/* The number of the last step; headgate.version has it when all are made. */
#define HISTORY_VERSION 2

/*
 * One DO statement, for either protocol: makes the steps that are missing, one after the other, in one
 * transaction and under a lock; where all are made it is one look. Fails with 42501 where the role may not,
 * and with HG003 where history_trust() finds a fault: the message says what, the detail what to type.
 */
const char *history_migration(void);

/*
 * A query of the catalog alone: is the schema such that nobody but us, superusers, the database's owner and
 * roles that we are a member of can have something run as us, when we read or write in it? No row: it is, or
 * there is none. Else one of two columns: what is wrong, and what to type.
 */
const char *history_trust(void);

#endif
