/*
 * The schema of the history, as the daemon makes it: the files of etc/history, put into the program when it
 * is built (pool/history_embed.py writes the .c). It knows nothing of who runs it.
 */
#ifndef POOL_HISTORY_STEPS_H
#define POOL_HISTORY_STEPS_H

/* The number of the last step; headgate.version has it when all are made. */
#define HISTORY_VERSION 1

/*
 * One DO statement, for either protocol: makes the steps that are missing, one after the other, in one
 * transaction and under a lock; where all are made it is one look. Fails with 42501 where the role may not.
 */
const char *history_migration(void);

#endif
