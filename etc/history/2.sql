-- headgate's history, step 2: tasks that are due by calendar, whose occurrences lie on no grid.
--
-- Like step 1 the daemon runs this itself. To do it by hand, as the role that owns the schema:
--   psql --single-transaction -f 2.sql
--
-- What steps through a range of occurrences gets, of a calendar task, the instants themselves: `dues`, in microseconds of unix
-- time, ascending, the last 10000 of the range at the most. Of an interval `dues` is NULL, and every_us says it all.

SET LOCAL search_path = pg_catalog, pg_temp;

ALTER TABLE headgate.task ADD COLUMN calendar text; -- NULL: an interval
ALTER TABLE headgate.task ADD COLUMN sparse bool NOT NULL DEFAULT false; -- as its daemon said at its last start
COMMENT ON TABLE headgate.task IS
    'the tasks whose runs are kept here, and since when they have this interval and phase, or calendar';

ALTER TABLE headgate.run ADD COLUMN bites int;
COMMENT ON COLUMN headgate.run.bites IS
    'transactions that were committed one after another, of a run with repeat = rows; NULL: of any other, or none was';
-- What releases a task that comes after others is named by the last runs of those that it answers.
ALTER TABLE headgate.run ADD COLUMN released jsonb;
COMMENT ON COLUMN headgate.run.released IS
    'of a task with `after`: what it has answered of each task that it comes after, up to this row: the due_until of that one''s last run, in microseconds of unix time';

ALTER TABLE headgate.run ADD COLUMN begun timestamptz;
COMMENT ON COLUMN headgate.run.begun IS
    'of a run that a notification has woken: it began after that, by the server''s clock, and saw all that was committed before';

CREATE TABLE headgate.chain (
    service text NOT NULL,
    task text NOT NULL,
    due timestamptz NOT NULL,
    PRIMARY KEY (service, task)
);
COMMENT ON TABLE headgate.chain IS 'tasks that come after others: a run''s start updates its row, so that two starts wait for each other';

CREATE OR REPLACE VIEW headgate.history AS
SELECT service, task, due, due_until, started, finished, outcome, reason,
       lateness_us * interval '1 microsecond' AS lateness,
       finished - started AS took,
       outside_us * interval '1 microsecond' AS outside,
       attempts, rows, occurrences, tokens, message, daemon, bites,
       (SELECT jsonb_object_agg(name, headgate.instant(us::int8)) FROM jsonb_each_text(released) AS r (name, us)) AS released
  FROM headgate.run
 WHERE occurrences IS NOT NULL;

CREATE FUNCTION headgate.unix_us(at timestamptz) RETURNS int8
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (extract(epoch FROM at) * 1000000)::int8
$$;

-- How many occurrences come after one, up to an instant, that one included. NULL: no instant was given.
CREATE FUNCTION headgate.steps(since timestamptz, until timestamptz, every_us int8, dues int8[]) RETURNS int
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF dues IS NULL OR until IS NULL THEN
        RETURN headgate.steps(since, until, every_us);
    END IF;
    RETURN (SELECT count(*) FROM unnest(dues) us WHERE us > headgate.unix_us(since) AND us <= headgate.unix_us(until));
END
$$;

-- The n-th occurrence after one, itself with 0. NULL: the range has no such.
CREATE FUNCTION headgate.nth(since timestamptz, n int, every_us int8, dues int8[]) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF dues IS NULL OR n = 0 THEN
        RETURN since + n * every_us * interval '1 microsecond';
    END IF;
    RETURN (SELECT headgate.instant(us) FROM unnest(dues) us WHERE us > headgate.unix_us(since) ORDER BY us LIMIT 1 OFFSET n - 1);
END
$$;

DROP FUNCTION headgate.insert_keys(text, text, timestamptz, int, int8, text);
-- As in step 1: of a long range the last 10000 are guarded, and none that the horizon does not reach.
CREATE FUNCTION headgate.insert_keys(service text, task text, due_until timestamptz, count int, every_us int8, dues int8[],
                                     daemon text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    horizon timestamptz := headgate.horizon(due_until, every_us);
    step interval := every_us * interval '1 microsecond';
    within int := least(count, 10000);
BEGIN
    IF dues IS NULL THEN
        within := least(within, headgate.steps(due_until, horizon, every_us));
        INSERT INTO headgate.run (service, task, due, due_until, outcome, daemon)
        SELECT insert_keys.service, insert_keys.task, at, at, 'within', insert_keys.daemon
          FROM generate_series(insert_keys.due_until - (within - 1) * step, insert_keys.due_until, step) at;
        RETURN;
    END IF;
    INSERT INTO headgate.run (service, task, due, due_until, outcome, daemon)
    SELECT insert_keys.service, insert_keys.task, headgate.instant(l.us), headgate.instant(l.us), 'within', insert_keys.daemon
      FROM (SELECT us FROM unnest(dues) us
             WHERE us <= headgate.unix_us(insert_keys.due_until)
               AND us > headgate.unix_us(insert_keys.due_until - (horizon - insert_keys.due_until))
             ORDER BY us DESC LIMIT within) l
     ORDER BY l.us;
END
$$;

DROP FUNCTION headgate.insert_row(headgate.run, int8);
CREATE FUNCTION headgate.insert_row(r headgate.run, every_us int8, dues int8[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO headgate.run SELECT r.*;
    IF r.occurrences > 1 THEN
        PERFORM headgate.insert_keys(r.service, r.task, r.due_until, r.occurrences - 1, every_us, dues, r.daemon);
    END IF;
END
$$;

DROP FUNCTION headgate.start(text, text, timestamptz, timestamptz, int8, int, timestamptz, int8, int, int, text, text);
-- As in step 1: what the front of the range shares with a row that is there is cut off; returns the first occurrence that is left.
-- Nothing left: HG001, and DETAIL is up to when all is answered, in microseconds of unix time.
CREATE FUNCTION headgate.start(service text, task text, due timestamptz, due_until timestamptz, every_us int8,
                               occurrences int, started timestamptz, lateness_us int8, attempts int, tokens int, outcome text,
                               daemon text, dues int8[] DEFAULT NULL) RETURNS timestamptz
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
            cut := headgate.steps(r.due, answered, every_us, dues) + 1;
            r.due := headgate.nth(r.due, cut, every_us, dues);
            IF r.due IS NULL OR r.due > r.due_until THEN
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
            PERFORM headgate.insert_row(r, every_us, dues);
            RETURN r.due;
        EXCEPTION WHEN unique_violation THEN -- committed since we looked
            IF r.occurrences = 0 AND r.outcome = 'running'
               AND EXISTS (SELECT FROM headgate.run o WHERE o.service = r.service AND o.task = r.task AND o.due = r.due
                              AND o.daemon = r.daemon AND o.outcome = 'running' AND o.occurrences = 0) THEN
                RETURN r.due; -- claimed before, as above
            END IF;
            IF r.occurrences = 0 OR look = 3 THEN
                RAISE;
            END IF;
        END;
    END LOOP;
END
$$;

-- What a calendar's row "no record of it was kept" answers beside the range: before it, and behind it. The instants there are not
-- known here, so a rest ends, or begins, beside the range; of both together the sum is right.
CREATE FUNCTION headgate.insert_rest(other headgate.run, r headgate.run, dues int8[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    beside interval := interval '1 microsecond';
    behind int := (other.due_until > r.due_until)::int;
    count int := other.occurrences - headgate.steps(greatest(other.due, r.due) - beside, least(other.due_until, r.due_until), 0,
                                                    dues);
    part headgate.run := other;
BEGIN
    IF other.due < r.due AND count > behind THEN
        part.occurrences := count - behind;
        part.due_until := r.due - beside;
        INSERT INTO headgate.run SELECT part.*;
        count := behind;
    END IF;
    IF behind > 0 AND count > 0 THEN
        part.occurrences := count;
        part.due := r.due_until + beside;
        part.due_until := other.due_until;
        INSERT INTO headgate.run SELECT part.*;
    END IF;
END
$$;

DROP FUNCTION headgate.insert_free(headgate.run, int8);
-- As in step 1: inserts what was not started, the whole range, or the pieces of it that no other row answers.
CREATE FUNCTION headgate.insert_free(r headgate.run, every_us int8, dues int8[]) RETURNS void
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
            IF dues IS NOT NULL THEN
                PERFORM headgate.insert_rest(other, r, dues);
                CONTINUE;
            END IF;
            part := other;
            part.occurrences := headgate.steps(other.due, r.due, every_us);
            part.due_until := other.due + (part.occurrences - 1) * step;
            IF part.occurrences > 0 THEN
                PERFORM headgate.insert_row(part, every_us, NULL);
            END IF;
            part.occurrences := headgate.steps(r.due_until, other.due_until, every_us);
            part.due := other.due_until - (part.occurrences - 1) * step;
            part.due_until := other.due_until;
            IF part.occurrences > 0 THEN
                PERFORM headgate.insert_row(part, every_us, NULL);
            END IF;
            CONTINUE;
        END IF;
        part := piece;
        part.occurrences := 0;
        IF other.due > piece.due THEN
            part.occurrences := headgate.steps(piece.due, other.due - interval '1 microsecond', every_us, dues) + 1;
        END IF;
        part.due_until := headgate.nth(piece.due, greatest(part.occurrences - 1, 0), every_us, dues);
        IF part.occurrences > 0 THEN
            part.rows := NULL;
            part.bites := NULL;
            part.session_us := NULL;
            part.outside_us := NULL;
            PERFORM headgate.insert_row(part, every_us, dues);
        END IF;
        piece.due := headgate.nth(piece.due, headgate.steps(piece.due, other.due_until, every_us, dues) + 1, every_us, dues);
        EXIT WHEN piece.due IS NULL;
    END LOOP;
    IF piece.due <= r.due_until THEN
        IF piece.due > r.due THEN
            piece.occurrences := headgate.steps(piece.due, r.due_until, every_us, dues) + 1;
        END IF;
        PERFORM headgate.insert_row(piece, every_us, dues);
    END IF;
END
$$;

DROP FUNCTION headgate.grow(headgate.run, int8);
-- A row whose run answered what came due while it waited for its next attempt: up to there, or to the next row.
CREATE FUNCTION headgate.grow(r headgate.run, every_us int8, dues int8[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    own headgate.run;
    more int;
    until timestamptz;
BEGIN
    SELECT * INTO own FROM headgate.run o
     WHERE o.service = r.service AND o.task = r.task AND o.due BETWEEN r.due AND r.due_until AND o.daemon = r.daemon
       AND o.occurrences > 0
     ORDER BY o.due DESC LIMIT 1;
    FOR look IN 1..3 LOOP
        SELECT least(headgate.steps(own.due_until, r.due_until, every_us, dues),
                     headgate.steps(own.due_until, min(o.due) - interval '1 microsecond', every_us, dues))
          INTO more
          FROM headgate.run o
         WHERE o.service = r.service AND o.task = r.task AND o.due > own.due_until AND o.due <= r.due_until AND o.occurrences > 0;
        EXIT WHEN coalesce(more, 0) <= 0;
        BEGIN
            until := headgate.nth(own.due_until, more, every_us, dues);
            PERFORM headgate.insert_keys(own.service, own.task, until, more, every_us, dues, own.daemon);
            UPDATE headgate.run o
               SET due_until = until, occurrences = own.occurrences + more
             WHERE o.service = own.service AND o.task = own.task AND o.due = own.due;
            EXIT;
        EXCEPTION WHEN unique_violation THEN -- committed since we looked
        END;
    END LOOP;
END
$$;

-- As in step 1, with the dues.
CREATE OR REPLACE FUNCTION headgate.insert_record(value jsonb, number int, look int DEFAULT 1) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r headgate.run := jsonb_populate_record(NULL::headgate.run, value);
    of_transaction bool := coalesce((value->>'transactional')::bool, false);
    was_claiming bool := coalesce((value->>'claiming')::bool, false);
    key timestamptz;
    answered jsonb;
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
    IF key IS NULL AND r.released IS NOT NULL THEN -- not started, and another daemon may have answered it since, or be about to
        INSERT INTO headgate.chain AS c (service, task, due) VALUES (r.service, r.task, r.due)
            ON CONFLICT ON CONSTRAINT chain_pkey DO UPDATE SET due = excluded.due;
        answered := headgate.released(r.service, r.task);
        r.released := headgate.later(answered, r.released);
        IF answered @> r.released THEN
            RETURN;
        END IF;
    END IF;
    IF key IS NULL THEN
        PERFORM headgate.insert_free(r, (value->>'every_us')::int8, (value->>'dues')::int8[]);
        RETURN;
    END IF;
    UPDATE headgate.run o
       SET finished = r.finished, rows = r.rows, bites = r.bites, session_us = r.session_us, outside_us = r.outside_us,
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

-- What a task has answered of those that it comes after. A run that was triggered answers nothing.
CREATE FUNCTION headgate.released(service text, task text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.released
      FROM (SELECT n.due, n.released FROM headgate.run n
             WHERE n.service = released.service AND n.task = released.task AND n.occurrences IS NOT NULL
             ORDER BY n.due DESC LIMIT 1000) r
     WHERE r.released IS NOT NULL ORDER BY r.due DESC LIMIT 1
$$;

-- The later of each. Another daemon may have answered more of one than who says `more` knows.
CREATE FUNCTION headgate.later(answered jsonb, more jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_object_agg(name, greatest(us::int8, (answered ->> name)::int8)) FROM jsonb_each_text(more) AS r (name, us)
$$;

-- Where a task that comes after others starts. Whatever released it names what it answers of each of them: it is a new occurrence
-- only if that is later, of each (any_one: of one), than what the task's last row has answered. Who comes second waits here, and then
-- sees the row of the first. HG001: it is answered, or its key lies before that of another row; then it is to be asked what is there.
CREATE FUNCTION headgate.start_after(service text, task text, due timestamptz, started timestamptz, lateness_us int8, attempts int,
                                     tokens int, outcome text, daemon text, released jsonb, any_one bool) RETURNS timestamptz
LANGUAGE plpgsql SET lock_timeout = '1s' SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last headgate.run;
    answered jsonb;
    fresh int;
    count int;
BEGIN
    INSERT INTO headgate.chain AS c (service, task, due) VALUES (service, task, due)
        ON CONFLICT ON CONSTRAINT chain_pkey DO UPDATE SET due = excluded.due;
    SELECT * INTO last FROM headgate.run r
     WHERE r.service = start_after.service AND r.task = start_after.task AND r.occurrences IS NOT NULL ORDER BY r.due DESC LIMIT 1;
    -- claimed before by the same daemon, which then lost its connection
    IF last.due = start_after.due AND last.daemon = start_after.daemon AND last.outcome = 'running'
       AND start_after.outcome = 'running' THEN
        RETURN last.due;
    END IF;
    answered := headgate.released(service, task);
    SELECT count(*), count(*) FILTER (WHERE us::int8 > coalesce((answered ->> name)::int8, 0)) INTO count, fresh
      FROM jsonb_each_text(start_after.released) AS r (name, us);
    IF last.due >= start_after.due OR fresh = 0 OR (fresh < count AND NOT any_one) THEN
        RAISE EXCEPTION USING ERRCODE = 'HG001', MESSAGE = format('%s is answered up to %s', task, last.due);
    END IF;
    INSERT INTO headgate.run (service, task, due, due_until, occurrences, started, lateness_us, attempts, tokens, outcome, daemon, released)
    VALUES (service, task, due, due, 1, started, lateness_us, attempts, tokens, outcome, daemon,
            headgate.later(answered, start_after.released));
    RETURN due;
END
$$;

-- Where a run starts that was made by a notification alone, heard so long ago, no less: it is answered by another daemon's run that
-- began after that and has ended well (HG001). While such a run is under way, in a transaction or on record, it is 55P03: if it fails or
-- its row goes, who asks again answers the notification. A run of a daemon that was not seen for a minute answers nothing. What is not
-- known here answers nothing either: then both run.
-- `begun` is the beginning of the claim's transaction, as of then is the oldest snapshot that its text may have. Both instants are of the
-- server's clock; a row that it would have to be set back for does not count.
CREATE FUNCTION headgate.start_woken(service text, task text, due timestamptz, heard_us_ago int8, started timestamptz, lateness_us int8,
                                     attempts int, tokens int, outcome text, daemon text) RETURNS timestamptz
LANGUAGE plpgsql SET lock_timeout = '1s' SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    heard timestamptz := now() - heard_us_ago * interval '1 microsecond';
    other headgate.run;
BEGIN
    -- no row's: to lock that, where another has changed it since, fails in a transaction that is to be repeatable
    PERFORM pg_advisory_xact_lock(hashtextextended(format('headgate.start_woken %s %s', service, task), 0));
    -- claimed before by the same daemon, which then lost its connection
    IF outcome = 'running' AND EXISTS (
        SELECT FROM headgate.run r
         WHERE r.service = start_woken.service AND r.task = start_woken.task AND r.due = start_woken.due
           AND r.daemon = start_woken.daemon AND r.outcome = 'running') THEN
        RETURN due;
    END IF;
    SELECT l.* INTO other
      FROM (SELECT r.* FROM headgate.run r WHERE r.service = start_woken.service AND r.task = start_woken.task
             ORDER BY r.due DESC LIMIT 100) l
     WHERE l.begun > heard AND l.begun <= clock_timestamp() AND l.daemon <> start_woken.daemon
       AND (l.outcome = 'ok' OR l.outcome = 'running' AND EXISTS (
            SELECT FROM headgate.daemon d
             WHERE d.service = l.service AND starts_with(l.daemon, d.name || ' (') AND d.seen > now() - interval '1 minute'))
     ORDER BY l.outcome = 'ok' DESC LIMIT 1;
    IF other.outcome = 'running' THEN
        RAISE EXCEPTION USING ERRCODE = '55P03', MESSAGE = format('%s, woken, is under way elsewhere since %s', task, other.begun);
    ELSIF other.outcome = 'ok' THEN
        RAISE EXCEPTION USING ERRCODE = 'HG001', MESSAGE = format('%s, woken, was answered by a run that began %s', task, other.begun);
    END IF;
    INSERT INTO headgate.run (service, task, due, due_until, occurrences, started, lateness_us, attempts, tokens, outcome, daemon, begun)
    VALUES (service, task, due, due, 0, started, lateness_us, attempts, tokens, outcome, daemon, now());
    RETURN due;
END
$$;

-- What tasks have answered of those that they come after, and which of their runs have ended, for those that come after them. Of the
-- last 1000 runs: a chain that did not go on since then is not gone on with. Instants are microseconds of unix time, or NULL.
CREATE FUNCTION headgate.chains(service text, life text, tasks jsonb)
RETURNS TABLE (task text, last_us int8, since_us int8, released jsonb, ok_us int8, failed_us int8, runs_elsewhere bool)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.name, headgate.unix_us(l.due), headgate.unix_us(t.since), headgate.released(t.service, t.name), e.ok_us, e.failed_us, e.runs_elsewhere
      FROM jsonb_array_elements_text(chains.tasks) AS g (name)
      JOIN headgate.task t ON t.service = chains.service AND t.name = g.name
      LEFT JOIN LATERAL (
           SELECT r.due FROM headgate.run r
            WHERE r.service = chains.service AND r.task = g.name AND r.occurrences IS NOT NULL
            ORDER BY r.due DESC LIMIT 1) l ON true
     CROSS JOIN LATERAL (
           SELECT max(headgate.unix_us(r.due_until)) FILTER (WHERE r.outcome = 'ok') AS ok_us,
                  max(headgate.unix_us(r.due_until)) FILTER (WHERE r.outcome IN ('failed', 'lost', 'unknown') AND r.started IS NOT NULL)
                      AS failed_us,
                  coalesce(bool_or(r.outcome = 'running' AND r.daemon <> chains.life), false) AS runs_elsewhere
             FROM (SELECT * FROM headgate.run n
                    WHERE n.service = chains.service AND n.task = g.name AND n.occurrences IS NOT NULL
                    ORDER BY n.due DESC LIMIT 1000) r) e
$$;

DROP FUNCTION headgate.record(jsonb);
-- As in step 1, and an object may have `dues`: an array in a text, '{1,2}'.
CREATE FUNCTION headgate.record(records jsonb) RETURNS TABLE (task text, due timestamptz, due_until timestamptz, outcome text)
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
               bites = f.bites,
               session_us = f.session_us,
               outside_us = f.outside_us,
               released = coalesce(r.released, f.released),
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
                              (records -> number ->> 'every_us')::int8, (records -> number ->> 'dues')::int8[]);
    END LOOP;

    IF NOT records @? '$[*] ? (@.outcome == "unknown" && @.transactional == true)' THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT e.task, e.due, e.due_until, CASE WHEN r.outcome = 'ok' THEN 'ok' ELSE 'failed' END
      FROM jsonb_array_elements(records) value, jsonb_populate_record(NULL::headgate.run, value) e
      LEFT JOIN LATERAL (SELECT r.outcome FROM headgate.run r
                          WHERE r.service = e.service AND r.task = e.task AND r.due BETWEEN e.due AND e.due_until
                            AND r.daemon = e.daemon AND (r.occurrences = 0) = (e.occurrences = 0)
                          ORDER BY r.due DESC LIMIT 1) r ON true
     WHERE e.outcome = 'unknown' AND (value->>'transactional')::bool;
END
$$;

DROP FUNCTION headgate.restore(text, text, jsonb, text);
-- As in step 1, and of a calendar task (`calendar`: what it says) no holes are looked for here. Returned are its gaps: pairs of the
-- last occurrence before and the first one after, in microseconds of unix time, of rows that lie further apart than gap_us. Whether
-- there was an occurrence in between the daemon knows. Of a `sparse` task not every occurrence leaves a row,
-- nor did it while its daemon said so.
CREATE FUNCTION headgate.restore(service text, daemon text, tasks jsonb, life text DEFAULT NULL)
RETURNS TABLE (task text, answered_until timestamptz, ok_count int8, failed_count int8, skipped_count int8, took_us int8,
               ahead_until timestamptz, gaps int8[])
LANGUAGE plpgsql SET lock_timeout = '1s' SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    hole record;
    busy text[] := '{}'; -- tasks with a run under way elsewhere
    gaps_of jsonb;
BEGIN
    UPDATE headgate.run r
       SET outcome = 'lost', reason = 'the daemon was killed while it ran', attempts = coalesce(r.attempts, 1),
           tokens = coalesce(r.tokens, 1),
           lateness_us = coalesce(r.lateness_us, (extract(epoch FROM r.started - r.due) * 1000000)::int8)
     WHERE r.outcome = 'running' AND (r.daemon = restore.daemon OR starts_with(r.daemon, restore.daemon || ' ('))
       AND r.daemon IS DISTINCT FROM restore.life;

    INSERT INTO headgate.task AS t (service, name, every_us, phase_us, calendar, since, checked, known)
    SELECT restore.service, g.task, g.every_us, g.phase_us, g.calendar, now(), now(), 'infinity'
      FROM jsonb_to_recordset(tasks) AS g (task text, every_us int8, phase_us int8, calendar text)
     ORDER BY g.task
        ON CONFLICT ON CONSTRAINT task_pkey DO UPDATE
       SET every_us = excluded.every_us, phase_us = excluded.phase_us, calendar = excluded.calendar, since = excluded.since,
           checked = excluded.checked
     WHERE (t.every_us, t.phase_us, t.calendar) IS DISTINCT FROM (excluded.every_us, excluded.phase_us, excluded.calendar);

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
          FROM jsonb_to_recordset(tasks) AS g (task text, most_us int8, answers_us int8, sparse bool)
          JOIN headgate.task t ON t.service = restore.service AND t.name = g.task
         WHERE t.every_us > 0 AND t.calendar IS NULL AND g.sparse IS NOT TRUE AND NOT t.sparse
           AND EXISTS (SELECT FROM headgate.holes(t.service, t.name, t.every_us, coalesce(g.most_us, t.every_us), t.checked,
                                                  coalesce(headgate.instant(g.answers_us), now())))
         ORDER BY t.name
    LOOP
        BEGIN
            PERFORM headgate.insert_row(jsonb_populate_record(NULL::headgate.run, jsonb_build_object(
                        'service', restore.service, 'task', hole.name, 'due', h.due, 'due_until', h.due_until,
                        'occurrences', h.occurrences,
                        'outcome', 'lost', 'reason', 'no record of it was kept', 'daemon', restore.daemon)), hole.every_us, NULL)
               FROM headgate.holes(restore.service, hole.name, hole.every_us, hole.most_us, hole.checked, hole.until) h;
        EXCEPTION WHEN lock_not_available OR unique_violation THEN
            busy := busy || hole.name;
        END;
    END LOOP;

    gaps_of := (SELECT jsonb_object_agg(t.name, headgate.gaps(t.service, t.name, g.gap_us, t.checked,
                                                              coalesce(headgate.instant(g.answers_us), now())))
                  FROM jsonb_to_recordset(tasks) AS g (task text, gap_us int8, answers_us int8, sparse bool)
                  JOIN headgate.task t ON t.service = restore.service AND t.name = g.task
                 WHERE t.calendar IS NOT NULL AND g.sparse IS NOT TRUE AND NOT t.sparse);

    -- up to the first that runs, or the last there is: the next start looks from there on
    UPDATE headgate.task t
       SET checked = greatest(t.checked, (
           SELECT coalesce(min(r.due) FILTER (WHERE r.outcome = 'running'), max(r.due))
             FROM headgate.run r
            WHERE r.service = t.service AND r.task = t.name AND r.due >= t.checked
              AND r.due < coalesce(headgate.instant(g.answers_us), now()) AND r.occurrences > 0)),
           sparse = g.sparse IS TRUE
      FROM jsonb_to_recordset(tasks) AS g (task text, answers_us int8, sparse bool)
     WHERE t.service = restore.service AND t.name = g.task AND t.name <> ALL (busy);

    RETURN QUERY
    SELECT g.task, greatest(a.due_until, nullif(t.known, 'infinity')), coalesce(d.ok, 0), coalesce(d.failed, 0),
           coalesce(d.skipped, 0), m.took_us, f.due_until,
           ARRAY(SELECT us::int8 FROM jsonb_array_elements_text(gaps_of -> g.task) us)
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

-- The gaps between a calendar task's rows from an instant on up to another, the last 1000 of them.
CREATE FUNCTION headgate.gaps(service text, task text, gap_us int8, checked timestamptz, until timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_agg(us ORDER BY us), '[]')
      FROM (SELECT p.due, p.last
              FROM (SELECT r.due, lag(r.due_until) OVER w AS last, lag(r.outcome) OVER w AS outcome
                      FROM headgate.run r
                     WHERE r.service = gaps.service AND r.task = gaps.task AND r.due >= gaps.checked
                       AND r.due < gaps.until AND r.occurrences > 0
                    WINDOW w AS (ORDER BY r.due)) p
             WHERE p.outcome <> 'running' AND p.due - p.last > gap_us * interval '1 microsecond'
             ORDER BY p.due DESC LIMIT 1000) g,
           unnest(ARRAY[headgate.unix_us(g.last), headgate.unix_us(g.due)]) us
$$;

INSERT INTO headgate.version (version) VALUES (2);
