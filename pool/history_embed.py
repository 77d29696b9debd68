#!/usr/bin/env python3
"""The steps of etc/history as one SQL statement in a C file, so that the program needs no file of its own at run time.

usage: history_embed.py TRUST.sql STEP.sql... >history_steps.c      the steps in their order, from 1
"""
import json
import sys

# Nothing in the schema is called, and no table of it read, before it is known whose it is: there it is, or it was made here.
# After the wait for the lock pg_class is asked: to_regclass() would answer by what this session had looked up before.
FRAME = """DO $headgate$
DECLARE
    made int := 0;
    wrong record;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    IF to_regnamespace('headgate') IS NULL THEN
        PERFORM pg_advisory_xact_lock(1212433524, 0);
        IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'headgate') THEN
            CREATE SCHEMA headgate;
        END IF;
    END IF;
    FOR wrong IN %(trust)s LOOP
        RAISE EXCEPTION USING ERRCODE = 'HG003', MESSAGE = wrong.fault, DETAIL = wrong.cure;
    END LOOP;
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


def print_text(name, text):
    print(f"\nconst char *{name}(void) {{\n    return")
    for line in text.splitlines(keepends=True):
        print("        " + json.dumps(line))
    print("        ;\n}")


def main():
    steps = ""
    with open(sys.argv[1], encoding="ascii") as file:
        trust = file.read()
    for number, path in enumerate(sys.argv[2:], 1):
        with open(path, encoding="ascii") as file:
            text = file.read()
        for quote in ("$step$", "$headgate$"):
            if quote in text:
                sys.exit(f"{path}: {quote} is what frames it in the program")
        steps += STEP % {"number": number, "text": text}
    print('#include "pool/history_steps.h"')
    print_text("history_migration", FRAME % {"count": len(sys.argv) - 2, "steps": steps, "trust": trust.rstrip()})
    print_text("history_trust", trust)


main()
