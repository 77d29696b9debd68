#!/usr/bin/env python3
"""The steps of etc/history as one SQL statement in a C file, so that the program needs no file of its own at run time.

usage: history_embed.py STEP.sql... >history_steps.c      the steps in their order, from 1
"""
import json
import sys

# After the wait for the lock pg_class is asked: to_regclass() would answer by what this session had looked up before.
FRAME = """DO $headgate$
DECLARE
    made int := 0;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    IF to_regclass('headgate.version') IS NOT NULL THEN
        EXECUTE 'SELECT coalesce(max(version), 0) FROM headgate.version' INTO made;
    END IF;
    IF made >= %(count)d THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(1212433524, 0);
    IF EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'headgate' AND c.relname = 'version') THEN
        EXECUTE 'SELECT coalesce(max(version), 0) FROM headgate.version' INTO made;
    END IF;
%(steps)sEND
$headgate$"""
STEP = """    IF made < %(number)d THEN
        EXECUTE $step$%(text)s$step$;
    END IF;
"""


def main():
    steps = ""
    for number, path in enumerate(sys.argv[1:], 1):
        with open(path, encoding="ascii") as file:
            text = file.read()
        for quote in ("$step$", "$headgate$"):
            if quote in text:
                sys.exit(f"{path}: {quote} is what frames it in the program")
        steps += STEP % {"number": number, "text": text}
    whole = FRAME % {"count": len(sys.argv) - 1, "steps": steps}
    print('#include "pool/history_steps.h"\n\nconst char *history_migration(void) {\n    return')
    for line in whole.splitlines(keepends=True):
        print("        " + json.dumps(line))
    print("        ;\n}")


main()
