-- headgate's history, step 1: what ran, what did not, and why; one row a run, in the database that it ran against.
--
-- The daemon runs this itself where a pool has `history = on`, as the pool's role, once and under a lock. To do it by hand, as
-- the role that shall own it:  psql --single-transaction -f 1.sql
-- All is in the schema headgate; DROP SCHEMA headgate CASCADE takes it away. Read it through the view headgate.history.
--
-- Words: an occurrence is one instant at which a task is due. A run answers one occurrence, or several in a row, from `due` to
-- `due_until`. No occurrence is in two rows. A service is what one file makes up, by the name that it goes by ([headgate] name):
-- daemons of one service share its tasks' occurrences, those of two have nothing to do with each other.

-- No name below is looked up where somebody else may make things.
SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
BEGIN
    -- may be there already: made by an administrator for a role that may not make one
    IF to_regnamespace('headgate') IS NULL THEN
        CREATE SCHEMA headgate;
    END IF;
END
$$;

CREATE TABLE headgate.version (
    version int PRIMARY KEY,
    made timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE headgate.version IS 'the steps of etc/history that were made here';

CREATE TABLE headgate.task (
    service text NOT NULL,
    name text NOT NULL,
    every_us int8 NOT NULL,
    phase_us int8 NOT NULL,
    since timestamptz NOT NULL,
    checked timestamptz NOT NULL, -- no hole is left before this instant
    known timestamptz NOT NULL DEFAULT 'infinity', -- from then on it is to be answered, by the daemon's clock; infinity: it is disabled
    PRIMARY KEY (service, name)
);
COMMENT ON TABLE headgate.task IS 'the tasks whose runs are kept here, and since when they have this interval and phase';

CREATE TABLE headgate.daemon (
    service text NOT NULL,
    name text NOT NULL, -- its host and its file
    tasks text NOT NULL,
    since timestamptz NOT NULL,
    seen timestamptz NOT NULL,
    PRIMARY KEY (service, name)
);
COMMENT ON TABLE headgate.daemon IS
    'which daemons go by which name, by what their tasks are told apart, since when they run, and when they were last seen';

CREATE TABLE headgate.run (
    service text NOT NULL,
    task text NOT NULL,
    due timestamptz NOT NULL,
    due_until timestamptz NOT NULL,
    started timestamptz,
    finished timestamptz,
    lateness_us int8,
    rows int8,
    session_us int8,
    outside_us int8,
    occurrences int,
    attempts int,
    tokens int,
    outcome text NOT NULL, -- without a CHECK, which would be compiled anew with each insert: 3 us
    daemon text NOT NULL,
    reason text,
    message text,
    PRIMARY KEY (service, task, due)
)
-- A row is written twice: at its start, and when it is completed. Pages are filled (fillfactor 100): of runs completed one by one
-- the second writing finds the room of earlier ones' first in its page, and no index is touched; in batches of hundreds it does
-- not, which is 2.5 us a row dearer and takes less room than pages that are left half empty. Only the key is indexed.
-- Old rows go a few at a time; vacuum comes early, so that their room is used again and the table keeps its size. It does
-- not give pages back at the end of the table: that would lock out the tasks for a moment.
WITH (
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.05,
    vacuum_truncate = off
);
COMMENT ON TABLE headgate.run IS
    'one row a run, and one for what was not run, and one for each further occurrence that they answer; see headgate.history';
COMMENT ON COLUMN headgate.run.service IS 'the name of the file whose task it is';
COMMENT ON COLUMN headgate.run.due IS 'the first occurrence that it answers';
COMMENT ON COLUMN headgate.run.due_until IS 'the last occurrence that it answers';
COMMENT ON COLUMN headgate.run.occurrences IS
    'how many it answers; 0: it was triggered by hand; NULL: no more than the key of one that a row before it answers';
COMMENT ON COLUMN headgate.run.outcome IS
    'running | ok | failed | lost (its daemon died) | unknown (its connection died) | skipped | missed (no daemon ran)'
    ' | within (no more than a key)';
COMMENT ON COLUMN headgate.run.session_us IS 'microseconds on a session of the database';
COMMENT ON COLUMN headgate.run.outside_us IS 'microseconds of work outside the database';
COMMENT ON COLUMN headgate.run.daemon IS 'which daemon ran it, and in which of its lives';

CREATE VIEW headgate.history AS
SELECT service, task, due, due_until, started, finished, outcome, reason,
       lateness_us * interval '1 microsecond' AS lateness,
       finished - started AS took,
       outside_us * interval '1 microsecond' AS outside,
       attempts, rows, occurrences, tokens, message, daemon
  FROM headgate.run
 WHERE occurrences IS NOT NULL;
COMMENT ON VIEW headgate.history IS 'what ran, what did not, and why';

-- Whoever calls a function, its names mean what they meant here: each has a search_path of its own. Without one are the three whose
-- text is to be put into that of their callers, which has every name in full, and those of a single run's start (below), which
-- are called once a run and look up no name at all.

-- How many steps of an interval lie between two instants, rounded down.
CREATE FUNCTION headgate.steps(since timestamptz, until timestamptz, every_us int8) RETURNS int
LANGUAGE sql IMMUTABLE AS $$
    SELECT pg_catalog.floor(extract(epoch FROM until OPERATOR(pg_catalog.-) since) OPERATOR(pg_catalog.*) 1000000
                            OPERATOR(pg_catalog./) greatest(every_us, 1))::int
$$;

-- Of unix time.
CREATE FUNCTION headgate.instant(unix_us int8) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT pg_catalog.timestamptz 'epoch' OPERATOR(pg_catalog.+) (unix_us OPERATOR(pg_catalog.*) interval '1 microsecond')
$$;

-- A row that reaches further is of a clock that was far ahead once, and does not count.
CREATE FUNCTION headgate.horizon(due_until timestamptz, every_us int8) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT due_until OPERATOR(pg_catalog.+) greatest(interval '3 hours',
               2 OPERATOR(pg_catalog.*) every_us OPERATOR(pg_catalog.*) interval '1 microsecond')
$$;

-- An occurrence is guarded by its key (service, task, due), whether it is the first of a row's range or a further one, which has a row of
-- its own for nothing but that: a transaction does not see what another has not committed, but it waits for its keys. Of a long
-- range the last 10000 are guarded, and none that the horizon does not reach. Their order is that in time, so two ranges that lie
-- across each other wait, and never for each other.
CREATE FUNCTION headgate.insert_keys(service text, task text, due_until timestamptz, count int, every_us int8, daemon text)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    step interval := every_us * interval '1 microsecond';
    within int := least(count, 10000, headgate.steps(due_until, headgate.horizon(due_until, every_us), every_us));
BEGIN
    INSERT INTO headgate.run (service, task, due, due_until, outcome, daemon)
    SELECT insert_keys.service, insert_keys.task, at, at, 'within', insert_keys.daemon
      FROM generate_series(insert_keys.due_until - (within - 1) * step, insert_keys.due_until, step) at;
END
$$;

CREATE FUNCTION headgate.insert_row(r headgate.run, every_us int8) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO headgate.run SELECT r.*;
    IF r.occurrences > 1 THEN
        PERFORM headgate.insert_keys(r.service, r.task, r.due_until, r.occurrences - 1, every_us, r.daemon);
    END IF;
END
$$;

-- Deletes the row that begins at `due`, and its further keys.
CREATE FUNCTION headgate.delete_row(service text, task text, due timestamptz, due_until timestamptz) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM headgate.run r
     WHERE r.service = delete_row.service AND r.task = delete_row.task
       AND r.due BETWEEN delete_row.due AND delete_row.due_until AND (r.due = delete_row.due OR r.occurrences IS NULL)
$$;

-- A run takes what it answers, whoever comes first. One occurrence that was not tried before needs its key only: 23505, which is
-- waited for when another transaction has it, if it is answered. This is called once a run, and its plan is made anew each time
-- (DISCARD ALL), so each expression counts, and each column: completing the row (record, restore) brings the rest.
CREATE FUNCTION headgate.start_one(service text, task text, due timestamptz, started timestamptz, daemon text) RETURNS void
LANGUAGE plpgsql SET lock_timeout = '1s' AS $$
BEGIN
    INSERT INTO headgate.run (service, task, due, due_until, occurrences, started, outcome, daemon)
    VALUES (service, task, due, due, 1, started, 'ok', daemon);
END
$$;

-- The same of a run that is not one transaction with its row. Committed here, so that its text can be sent behind it.
CREATE PROCEDURE headgate.claim_one(service text, task text, due timestamptz, started timestamptz, daemon text)
LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL lock_timeout = '1s';
    INSERT INTO headgate.run (service, task, due, due_until, occurrences, started, outcome, daemon)
    VALUES (service, task, due, due, 1, started, 'running', daemon);
    COMMIT;
END
$$;

-- All else looks first. What the front of its range shares with a row that is there is cut off, in steps of every_us; returns the
-- first occurrence that is left. Nothing left: HG001, and DETAIL is up to when all is answered, in microseconds of unix time.
CREATE FUNCTION headgate.start(service text, task text, due timestamptz, due_until timestamptz, every_us int8,
                               occurrences int, started timestamptz, lateness_us int8, attempts int, tokens int, outcome text,
                               daemon text) RETURNS timestamptz
LANGUAGE plpgsql SET lock_timeout = '1s' SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r headgate.run;
    answered timestamptz;
    taken timestamptz;
    cut int;
BEGIN
    r.service := service;
    r.task := task;
    r.due := due;
    r.due_until := due_until;
    r.started := started;
    r.lateness_us := lateness_us;
    r.occurrences := occurrences;
    r.attempts := attempts;
    r.tokens := tokens;
    r.outcome := outcome;
    r.daemon := daemon;
    FOR look IN 1..3 LOOP
        IF r.occurrences > 0 THEN
            answered := (SELECT o.due_until FROM headgate.run o
                          WHERE o.service = r.service AND o.task = r.task AND o.due <= r.due_until AND o.occurrences > 0
                            AND o.due_until <= headgate.horizon(r.due_until, every_us)
                          ORDER BY o.due DESC LIMIT 1);
        END IF;
        IF answered >= r.due THEN
            cut := headgate.steps(r.due, answered, every_us) + 1;
            r.due := r.due + cut * every_us * interval '1 microsecond';
            IF r.due > r.due_until THEN
                -- claimed before by the same daemon, which then lost its connection
                SELECT o.due INTO taken FROM headgate.run o
                 WHERE r.outcome = 'running' AND o.service = r.service AND o.task = r.task AND o.due_until = answered
                   AND o.due <= r.due_until
                   AND o.daemon = r.daemon AND o.outcome = 'running' AND o.occurrences > 0;
                IF FOUND THEN
                    RETURN taken;
                END IF;
                RAISE EXCEPTION USING ERRCODE = 'HG001', MESSAGE = format('%s is answered up to %s', task, answered),
                    DETAIL = (SELECT (extract(epoch FROM o.due_until) * 1000000)::int8::text FROM headgate.run o
                               WHERE o.service = r.service AND o.task = r.task AND o.occurrences > 0
                                 AND o.due_until <= headgate.horizon(r.due_until, every_us)
                               ORDER BY o.due DESC LIMIT 1);
            END IF;
            r.occurrences := greatest(r.occurrences - cut, 1);
        END IF;
        BEGIN
            PERFORM headgate.insert_row(r, every_us);
            RETURN r.due;
        EXCEPTION WHEN unique_violation THEN -- committed since we looked
            IF r.occurrences = 0 OR look = 3 THEN
                RAISE;
            END IF;
        END;
    END LOOP;
END
$$;

-- The first statement of a write's transaction: the run that was claimed is ok, if that commits. A run that is not under way
-- any more, because it was found lost meanwhile, writes nothing: HG002.
CREATE FUNCTION headgate.finish(service text, task text, due timestamptz, due_until timestamptz, occurrences int, daemon text)
RETURNS void
LANGUAGE plpgsql SET lock_timeout = '1s' SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE headgate.run r SET outcome = 'ok'
     WHERE r.service = finish.service AND r.task = finish.task AND r.due BETWEEN finish.due AND finish.due_until
       AND r.daemon = finish.daemon
       AND (r.occurrences = 0) = (finish.occurrences = 0) AND r.outcome = 'running';
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'HG002', MESSAGE = format('%s, due %s, was found lost meanwhile', task, due);
    END IF;
END
$$;

-- Inserts what was not started: the whole range, or the pieces of it that no other row answers. A piece that is not the last
-- says how it ended, and not how long it took. Rows that only say "no record of it was kept" make room.
CREATE FUNCTION headgate.insert_free(r headgate.run, every_us int8) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    step interval := every_us * interval '1 microsecond';
    piece headgate.run := r;
    part headgate.run;
    other headgate.run;
BEGIN
    FOR other IN
        SELECT * FROM (
            (SELECT * FROM headgate.run o -- the nearest one before
              WHERE o.service = r.service AND o.task = r.task AND o.due < r.due AND o.occurrences > 0 ORDER BY o.due DESC LIMIT 1)
            UNION ALL
            SELECT * FROM headgate.run o
             WHERE o.service = r.service AND o.task = r.task AND o.due BETWEEN r.due AND r.due_until AND o.occurrences > 0
        ) o
         WHERE o.due_until >= r.due AND o.due_until <= headgate.horizon(r.due_until, every_us)
         ORDER BY o.due
    LOOP
        IF other.outcome = 'lost' AND other.started IS NULL THEN
            PERFORM headgate.delete_row(other.service, other.task, other.due, other.due_until);
            part := other;
            part.occurrences := headgate.steps(other.due, r.due, every_us);
            part.due_until := other.due + (part.occurrences - 1) * step;
            IF part.occurrences > 0 THEN
                PERFORM headgate.insert_row(part, every_us);
            END IF;
            part.occurrences := headgate.steps(r.due_until, other.due_until, every_us);
            part.due := other.due_until - (part.occurrences - 1) * step;
            part.due_until := other.due_until;
            IF part.occurrences > 0 THEN
                PERFORM headgate.insert_row(part, every_us);
            END IF;
            CONTINUE;
        END IF;
        part := piece;
        part.occurrences := ceil(extract(epoch FROM other.due - piece.due) * 1000000 / greatest(every_us, 1));
        part.due_until := piece.due + (part.occurrences - 1) * step;
        IF part.occurrences > 0 THEN
            part.rows := NULL;
            part.session_us := NULL;
            part.outside_us := NULL;
            PERFORM headgate.insert_row(part, every_us);
        END IF;
        piece.due := piece.due + (headgate.steps(piece.due, other.due_until, every_us) + 1) * step;
    END LOOP;
    IF piece.due <= r.due_until THEN
        IF piece.due > r.due THEN
            piece.occurrences := headgate.steps(piece.due, r.due_until, every_us) + 1;
        END IF;
        PERFORM headgate.insert_row(piece, every_us);
    END IF;
END
$$;

-- Writes what became of runs, in one batch: an array of objects with the names of the columns, and every_us, transactional and
-- claiming (its claim was sent and not answered, and what it claimed was sent behind it: without a row it never began).
-- A row of the same daemon is completed; all else is inserted where nobody answered it. An unknown run of a transaction is
-- resolved: its row is there (then it was committed), or never will be; this waits for the old transaction. Those are
-- returned, with what became of them. Another's open transaction is in the way for too long: 55P03, nothing is written, and
-- DETAIL is the record's number in the array, from 0.
CREATE FUNCTION headgate.record(records jsonb) RETURNS TABLE (task text, due timestamptz, outcome text)
LANGUAGE plpgsql SET lock_timeout = '1s' SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    absent int[]; -- numbers of the records without a row
    grown int[];  -- and of those that answer more than their row
    number int;
BEGIN
    -- claimed, and given back: who comes next may have it
    IF records @? '$[*] ? (@.outcome == "released")' THEN
        PERFORM headgate.delete_row(r.service, r.task, r.due, r.due_until)
           FROM jsonb_populate_recordset(NULL::headgate.run, records) e
           JOIN headgate.run r ON r.service = e.service AND r.task = e.task AND r.due BETWEEN e.due AND e.due_until
                                  AND r.daemon = e.daemon AND (r.occurrences = 0) = (e.occurrences = 0)
          WHERE e.outcome = 'released' AND r.outcome = 'running';
    END IF;
    WITH entry AS MATERIALIZED (
        SELECT ordinality::int - 1 AS number, e.*,
               e.outcome = 'unknown' AND coalesce((value->>'transactional')::bool, false) AS unresolved
          FROM jsonb_array_elements(records) WITH ORDINALITY AS element (value, ordinality),
               jsonb_populate_record(NULL::headgate.run, value) AS e
         WHERE e.outcome <> 'released'
    ), found AS MATERIALIZED (
        SELECT entry.*, there.due AS row_due, there.due_until < entry.due_until AS is_grown
          FROM entry LEFT JOIN LATERAL (
               SELECT r.due, r.due_until FROM headgate.run r
                WHERE r.service = entry.service AND r.task = entry.task AND r.due BETWEEN entry.due AND entry.due_until
                  AND r.daemon = entry.daemon AND (r.occurrences = 0) = (entry.occurrences = 0)
                ORDER BY r.due DESC LIMIT 1) there ON true
    ), completed AS (
        UPDATE headgate.run r
           SET started = coalesce(f.started, r.started),
               finished = f.finished,
               lateness_us = coalesce(f.lateness_us, r.lateness_us),
               rows = f.rows,
               session_us = f.session_us,
               outside_us = f.outside_us,
               attempts = coalesce(f.attempts, r.attempts),
               tokens = coalesce(f.tokens, r.tokens),
               outcome = CASE WHEN NOT f.unresolved THEN f.outcome WHEN r.outcome = 'ok' THEN 'ok' ELSE 'failed' END,
               reason = CASE WHEN NOT f.unresolved THEN f.reason WHEN r.outcome = 'ok' THEN NULL
                             ELSE 'not done: its connection was lost before it was committed' END,
               message = CASE WHEN NOT f.unresolved OR r.outcome <> 'ok' THEN f.message END
          FROM found f
         WHERE r.service = f.service AND r.task = f.task AND r.due = f.row_due
    )
    SELECT array_agg(f.number ORDER BY f.task, f.due, f.number) FILTER (WHERE f.row_due IS NULL),
           array_agg(f.number ORDER BY f.task, f.due, f.number) FILTER (WHERE f.is_grown)
      INTO absent, grown
      FROM found f;

    FOREACH number IN ARRAY coalesce(absent, '{}') LOOP
        PERFORM headgate.insert_record(records -> number, number);
    END LOOP;
    FOREACH number IN ARRAY coalesce(grown, '{}') LOOP
        PERFORM headgate.grow(jsonb_populate_record(NULL::headgate.run, records -> number),
                              (records -> number ->> 'every_us')::int8);
    END LOOP;

    IF NOT records @? '$[*] ? (@.outcome == "unknown" && @.transactional == true)' THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT e.task, e.due, CASE WHEN r.outcome = 'ok' THEN 'ok' ELSE 'failed' END
      FROM jsonb_array_elements(records) value, jsonb_populate_record(NULL::headgate.run, value) e
      LEFT JOIN LATERAL (SELECT r.outcome FROM headgate.run r
                          WHERE r.service = e.service AND r.task = e.task AND r.due BETWEEN e.due AND e.due_until
                            AND r.daemon = e.daemon AND (r.occurrences = 0) = (e.occurrences = 0)
                          ORDER BY r.due DESC LIMIT 1) r ON true
     WHERE e.outcome = 'unknown' AND (value->>'transactional')::bool;
END
$$;

-- A row whose run answered what came due while it waited for its next attempt: up to there, or to the next row.
CREATE FUNCTION headgate.grow(r headgate.run, every_us int8) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    step interval := every_us * interval '1 microsecond';
    own headgate.run;
    more int;
BEGIN
    SELECT * INTO own FROM headgate.run o
     WHERE o.service = r.service AND o.task = r.task AND o.due BETWEEN r.due AND r.due_until AND o.daemon = r.daemon
       AND o.occurrences > 0
     ORDER BY o.due DESC LIMIT 1;
    FOR look IN 1..3 LOOP
        SELECT least(headgate.steps(own.due_until, r.due_until, every_us),
                     ceil(extract(epoch FROM min(o.due) - own.due_until) * 1000000 / greatest(every_us, 1))::int - 1)
          INTO more
          FROM headgate.run o
         WHERE o.service = r.service AND o.task = r.task AND o.due > own.due_until AND o.due <= r.due_until AND o.occurrences > 0;
        EXIT WHEN coalesce(more, 0) <= 0;
        BEGIN
            PERFORM headgate.insert_keys(own.service, own.task, own.due_until + more * step, more, every_us, own.daemon);
            UPDATE headgate.run o
               SET due_until = own.due_until + more * step, occurrences = own.occurrences + more
             WHERE o.service = own.service AND o.task = own.task AND o.due = own.due;
            EXIT;
        EXCEPTION WHEN unique_violation THEN -- committed since we looked
        END;
    END LOOP;
END
$$;

-- One record of record() without a row, as it seemed: waits for who has its keys, and looks again.
CREATE FUNCTION headgate.insert_record(value jsonb, number int, look int DEFAULT 1) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r headgate.run := jsonb_populate_record(NULL::headgate.run, value);
    of_transaction bool := coalesce((value->>'transactional')::bool, false);
    was_claiming bool := coalesce((value->>'claiming')::bool, false);
    key timestamptz;
BEGIN
    IF r.outcome = 'unknown' AND (of_transaction OR was_claiming) THEN
        SELECT o.due INTO key FROM headgate.run o
         WHERE o.service = r.service AND o.task = r.task AND o.due BETWEEN r.due AND r.due_until AND o.daemon = r.daemon
           AND (o.occurrences = 0) = (r.occurrences = 0)
         ORDER BY o.due DESC LIMIT 1;
        IF key IS NULL THEN
            r.outcome := 'failed';
            r.reason := 'not done: its connection was lost before it ' ||
                        CASE WHEN of_transaction THEN 'was committed' ELSE 'began' END;
        ELSIF of_transaction THEN
            r.outcome := 'ok';
            r.reason := NULL;
            r.message := NULL;
        END IF;
    END IF;
    IF key IS NULL THEN
        PERFORM headgate.insert_free(r, (value->>'every_us')::int8);
        RETURN;
    END IF;
    UPDATE headgate.run o
       SET finished = r.finished, rows = r.rows, session_us = r.session_us, outside_us = r.outside_us,
           outcome = r.outcome, reason = r.reason, message = r.message
     WHERE o.service = r.service AND o.task = r.task AND o.due = key;
EXCEPTION
    WHEN unique_violation THEN -- committed since we looked: there is a row now, or there was one
        IF look < 3 THEN
            PERFORM headgate.insert_record(value, number, look + 1);
        END IF;
    WHEN lock_not_available THEN
        RAISE EXCEPTION USING ERRCODE = '55P03', DETAIL = number,
            MESSAGE = format('%s, due %s: a transaction that is open on the server has it', r.task, r.due);
END
$$;

-- What a daemon asks when it starts, after it has written what it had spooled: tasks is an array of objects with task, every_us,
-- phase_us, and answers_us: the first instant from which on it answers for the task itself, in microseconds of unix time; none:
-- the task is disabled. What earlier lives of it (`life` is its own) left running is lost. Before answers_us, a hole between
-- two rows that is longer than the interval (or than most_us, of an elastic one) becomes a row that says so, unless a run of
-- this task is under way elsewhere. Returns of each task up to when it is answered, or from when on it is known; how the runs
-- of the last day ended; the median of the last 20 that were ok; and up to when rows from answers_us on say that it is answered,
-- which a clock that was ahead has left, or a daemon whose clock is.
CREATE FUNCTION headgate.restore(service text, daemon text, tasks jsonb, life text DEFAULT NULL)
RETURNS TABLE (task text, answered_until timestamptz, ok_count int8, failed_count int8, skipped_count int8, took_us int8,
               ahead_until timestamptz)
LANGUAGE plpgsql SET lock_timeout = '1s' SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    hole record;
    busy text[] := '{}'; -- tasks with a run under way elsewhere
BEGIN
    UPDATE headgate.run r
       SET outcome = 'lost', reason = 'the daemon was killed while it ran', attempts = coalesce(r.attempts, 1),
           tokens = coalesce(r.tokens, 1),
           lateness_us = coalesce(r.lateness_us, (extract(epoch FROM r.started - r.due) * 1000000)::int8)
     WHERE r.outcome = 'running' AND (r.daemon = restore.daemon OR starts_with(r.daemon, restore.daemon || ' ('))
       AND r.daemon IS DISTINCT FROM restore.life;

    INSERT INTO headgate.task AS t (service, name, every_us, phase_us, since, checked, known)
    SELECT restore.service, g.task, g.every_us, g.phase_us, now(), now(), 'infinity'
      FROM jsonb_to_recordset(tasks) AS g (task text, every_us int8, phase_us int8)
     ORDER BY g.task
        ON CONFLICT ON CONSTRAINT task_pkey DO UPDATE
       SET every_us = excluded.every_us, phase_us = excluded.phase_us, since = excluded.since, checked = excluded.checked
     WHERE (t.every_us, t.phase_us) <> (excluded.every_us, excluded.phase_us);

    -- a clock that was ahead then may have said later
    UPDATE headgate.task t
       SET known = g.known
      FROM (SELECT o.name, CASE WHEN e.answers_us IS NULL THEN 'infinity'
                                ELSE least(o.known, headgate.instant(e.answers_us - 1)) END AS known
              FROM jsonb_to_recordset(tasks) AS e (task text, answers_us int8)
              JOIN headgate.task o ON o.service = restore.service AND o.name = e.task
             ORDER BY o.name) g
     WHERE t.service = restore.service AND t.name = g.name AND t.known <> g.known;

    PERFORM set_config('lock_timeout', '50ms', true); -- until here ends
    FOR hole IN
        SELECT t.name, t.every_us, coalesce(g.most_us, t.every_us) AS most_us, t.checked,
               coalesce(headgate.instant(g.answers_us), now()) AS until
          FROM jsonb_to_recordset(tasks) AS g (task text, most_us int8, answers_us int8)
          JOIN headgate.task t ON t.service = restore.service AND t.name = g.task
         WHERE EXISTS (SELECT FROM headgate.holes(t.service, t.name, t.every_us, coalesce(g.most_us, t.every_us), t.checked,
                                                  coalesce(headgate.instant(g.answers_us), now())))
         ORDER BY t.name
    LOOP
        BEGIN
            PERFORM headgate.insert_row(jsonb_populate_record(NULL::headgate.run, jsonb_build_object(
                        'service', restore.service, 'task', hole.name, 'due', h.due, 'due_until', h.due_until,
                        'occurrences', h.occurrences,
                        'outcome', 'lost', 'reason', 'no record of it was kept', 'daemon', restore.daemon)), hole.every_us)
               FROM headgate.holes(restore.service, hole.name, hole.every_us, hole.most_us, hole.checked, hole.until) h;
        EXCEPTION WHEN lock_not_available OR unique_violation THEN
            busy := busy || hole.name;
        END;
    END LOOP;

    -- up to the first that runs, or the last there is: the next start looks from there on
    UPDATE headgate.task t
       SET checked = greatest(t.checked, (
           SELECT coalesce(min(r.due) FILTER (WHERE r.outcome = 'running'), max(r.due))
             FROM headgate.run r
            WHERE r.service = t.service AND r.task = t.name AND r.due >= t.checked
              AND r.due < coalesce(headgate.instant(g.answers_us), now()) AND r.occurrences > 0))
      FROM jsonb_to_recordset(tasks) AS g (task text, answers_us int8)
     WHERE t.service = restore.service AND t.name = g.task AND t.name <> ALL (busy);

    RETURN QUERY
    SELECT g.task, greatest(a.due_until, nullif(t.known, 'infinity')), coalesce(d.ok, 0), coalesce(d.failed, 0),
           coalesce(d.skipped, 0), m.took_us, f.due_until
      FROM jsonb_to_recordset(tasks) AS g (task text, answers_us int8)
      JOIN headgate.task t ON t.service = restore.service AND t.name = g.task
      LEFT JOIN LATERAL (
           SELECT r.due_until FROM headgate.run r
            WHERE r.service = restore.service AND r.task = g.task AND r.occurrences > 0
              AND r.due < coalesce(headgate.instant(g.answers_us), now())
            ORDER BY r.due DESC LIMIT 1) a ON true
      LEFT JOIN LATERAL (
           -- not what a clock that was years ahead left
           SELECT r.due_until FROM headgate.run r
            WHERE r.service = restore.service AND r.task = g.task AND r.occurrences > 0 AND r.due >= headgate.instant(g.answers_us)
              AND r.due <= now() + interval '1 day'
            ORDER BY r.due DESC LIMIT 1) f ON true
     CROSS JOIN LATERAL (
           SELECT count(*) FILTER (WHERE r.outcome = 'ok') AS ok,
                  count(*) FILTER (WHERE r.outcome IN ('failed', 'lost', 'unknown')) AS failed,
                  sum(r.occurrences) FILTER (WHERE r.outcome IN ('skipped', 'missed')) AS skipped
             FROM headgate.run r
            WHERE r.service = restore.service AND r.task = g.task AND r.due > now() - interval '1 day'
               AND r.due <= now() + interval '1 day') d
     CROSS JOIN LATERAL (
           SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY l.took_us) AS took_us
             FROM (SELECT coalesce(r.session_us, (extract(epoch FROM r.finished - r.started) * 1000000)::int8) AS took_us
                     FROM (SELECT * FROM headgate.run n
                            WHERE n.service = restore.service AND n.task = g.task AND n.occurrences IS NOT NULL
                            ORDER BY n.due DESC LIMIT 200) r
                    WHERE r.outcome = 'ok' AND r.finished IS NOT NULL
                    ORDER BY r.due DESC LIMIT 20) l) m;
END
$$;

-- The holes between a task's rows from an instant on up to another. Behind a run that is under way is none yet: it may still grow.
CREATE FUNCTION headgate.holes(service text, task text, every_us int8, most_us int8, checked timestamptz, until timestamptz)
RETURNS TABLE (due timestamptz, due_until timestamptz, occurrences int)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT h.last + every_us * interval '1 microsecond',
           h.last + h.missing * every_us * interval '1 microsecond',
           h.missing
      FROM (SELECT p.last, ceil(extract(epoch FROM p.due - p.last) * 1000000 / every_us)::int - 1 AS missing
              FROM (SELECT r.due, lag(r.due_until) OVER w AS last, lag(r.outcome) OVER w AS outcome
                      FROM headgate.run r
                     WHERE r.service = holes.service AND r.task = holes.task AND r.due >= holes.checked
                       AND r.due < holes.until AND r.occurrences > 0
                    WINDOW w AS (ORDER BY r.due)) p
             WHERE p.outcome <> 'running' AND p.due - p.last > most_us * interval '1 microsecond') h
     WHERE h.missing > 0
$$;

-- Deletes at most `batch` rows that are older than `keep`, or beyond the number `most` (0: any number; a table above 16 MB is
-- counted by some of its pages, so within a few percent). The newest row of a task stays, for it says up to when the task is
-- answered; so does what runs. Less than `batch` came back: nothing more to do for now.
CREATE FUNCTION headgate.prune(keep interval, most int8, batch int) RETURNS int8
LANGUAGE plpgsql SET lock_timeout = '1s' SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    oldest timestamptz := now() - keep;
    percent float8 := least(100, 100 * 16e6 / greatest(pg_relation_size('headgate.run'), 1)); -- of the pages: what is read at most
    total float8;
    deleted int8;
BEGIN
    -- The server's own counts are off after a crash, so they only say when to look.
    IF most > 0 AND (percent = 100 OR (SELECT greatest(reltuples, pg_stat_get_live_tuples(oid)) FROM pg_class
                                        WHERE oid = 'headgate.run'::regclass) > 0.95 * most) THEN
        total := (SELECT count(*) FROM headgate.run TABLESAMPLE SYSTEM (percent)) * 100 / percent;
        IF total > most THEN -- the age that so many rows have
            SELECT greatest(oldest, percentile_disc(1 - most / total) WITHIN GROUP (ORDER BY due) + interval '1 microsecond')
              INTO oldest
              FROM headgate.run TABLESAMPLE SYSTEM (percent);
        END IF;
    END IF;
    WITH RECURSIVE name (service, task) AS (
        (SELECT r.service, r.task FROM headgate.run r ORDER BY r.service, r.task LIMIT 1)
        UNION ALL
        SELECT next.service, next.task
          FROM name, LATERAL (SELECT r.service, r.task FROM headgate.run r WHERE (r.service, r.task) > (name.service, name.task)
                               ORDER BY r.service, r.task LIMIT 1) next
    )
    DELETE FROM headgate.run
     WHERE ctid = ANY (ARRAY(
           SELECT old.ctid
             FROM name, LATERAL (
                  SELECT r.ctid FROM headgate.run r
                   WHERE r.service = name.service AND r.task = name.task AND r.due < oldest AND r.outcome <> 'running'
                     AND r.due < (SELECT n.due FROM headgate.run n
                                   WHERE n.service = name.service AND n.task = name.task AND n.occurrences > 0
                                   ORDER BY n.due DESC LIMIT 1)
                   ORDER BY r.due LIMIT batch) old
            LIMIT batch));
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN deleted;
END
$$;

-- A daemon says by which name it goes, and what tells its tasks from others'; returns who else was seen under that name since it
-- began, with other tasks. Two that have the same tasks are one service on two hosts.
CREATE FUNCTION headgate.meet(service text, daemon text, tasks text, begins bool) RETURNS TABLE (other text, seen timestamptz)
LANGUAGE plpgsql SET lock_timeout = '1s' SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    DELETE FROM headgate.daemon d WHERE d.seen < now() - interval '30 days';
    INSERT INTO headgate.daemon AS d (service, name, tasks, since, seen)
    VALUES (meet.service, meet.daemon, meet.tasks, now(), now())
        ON CONFLICT ON CONSTRAINT daemon_pkey DO UPDATE
       SET tasks = excluded.tasks, seen = excluded.seen, since = CASE WHEN begins THEN excluded.since ELSE d.since END;
    RETURN QUERY
    SELECT o.name, o.seen
      FROM headgate.daemon d JOIN headgate.daemon o ON o.service = d.service
     WHERE d.service = meet.service AND d.name = meet.daemon AND o.tasks <> d.tasks AND o.seen > d.since
     ORDER BY o.name;
END
$$;

INSERT INTO headgate.version (version) VALUES (1);
