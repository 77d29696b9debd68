/*
 * The command line: the words of the input, one a line, the first of them the command. The file that it names
 * is not there, so that it ends with its arguments read.
 */
#include "tests/fuzz/fuzz.h"

#include "scheduler/commands/command.h"

#define WORDS_MOST 64

static const struct command *const commands[] = {&run_command,     &check_command,  &status_command,
                                                 &pause_command,   &resume_command, &trigger_command,
                                                 &history_command, &simulate_command, &import_command,
                                                 &next_command};

/* A file of this name would be read. */
static bool names_a_file(const char *word) {
    FILE *file = fopen(word, "r");
    if (file)
        fclose(file);
    return file != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_text(data, size), *rest = text, *argv[WORDS_MOST + 1] = {0};
    int argc = 0;
    bool harmless = true;
    for (char *word; argc < WORDS_MOST && (word = strsep(&rest, "\n"));) {
        argv[argc++] = word;
        harmless &= !names_a_file(word) && strncmp(word, "pg_", 3) != 0; /* import pg_cron would log in somewhere */
    }
    for (size_t i = 0; harmless && i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(argv[0], commands[i]->name) != 0)
            continue;
        int code = commands[i]->run(argc, argv);
        MUST(code >= 0 && code <= 2);
    }
    free(text);
    return 0;
}
