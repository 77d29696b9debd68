-- The background work of tests/bench/office: ten kinds of task, of which every employee has a piece: a small read, a call of
-- something outside the database (a language model, say), a small write. How the call is waited for is what is measured.

CREATE SCHEMA bench;
SET search_path = bench;

-- every_ms: the office's interval divided by ten, as in the reproduction of the incident. call_ms: such that the mean
-- over all calls is 0.6 s, so at x1 twelve are under way, at x4 almost fifty, at x8 more than ninety; and the rarer the
-- longer, so that few are merged and what is due every 6 and 12 s comes as a wave, as it did in the incident.
CREATE TABLE kinds (
    kind     text PRIMARY KEY,
    every_ms int NOT NULL,
    call_ms  int NOT NULL
);

INSERT INTO kinds VALUES
    ('tick',             800,   50),
    ('notifications',   1000,  100),
    ('messages',        1500,  600),
    ('meetings',        2000,  800),
    ('employees',       3000, 2000),
    ('training',        6000, 2000),
    ('reviews',         6000, 2000),
    ('awards',         12000, 2000),
    ('communications', 30000, 1500),
    ('shared_drive',  120000,  500);

-- One employee's piece of one kind. All are due at the start and from then on once an interval.
CREATE TABLE units (
    unit        int    GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text   NOT NULL REFERENCES kinds,
    every_us    bigint NOT NULL,
    call_ms     int    NOT NULL,
    employee_id int    NOT NULL REFERENCES office.employees
);

CREATE INDEX ON units (kind);

-- When all are due for the first time, in microseconds since 1970.
CREATE TABLE start (
    at_us bigint NOT NULL
);

-- One row a unit done: when it was read, when written, and how long the call took as its caller saw it.
CREATE UNLOGGED TABLE answers (
    unit        int    NOT NULL,
    read_us     bigint NOT NULL,
    answered_us bigint NOT NULL,
    outside_us  bigint NOT NULL,
    reply       text   NOT NULL
);

CREATE INDEX ON answers (unit, read_us);

-- What was due and got no session within the pool's wait, or whose statement failed.
CREATE UNLOGGED TABLE failures (
    unit      int    NOT NULL,
    due_us    bigint NOT NULL,
    failed_us bigint NOT NULL
);

CREATE FUNCTION now_us() RETURNS bigint
RETURN (extract(epoch FROM clock_timestamp()) * 1e6)::bigint;

-- What the outside has to know of a unit.
CREATE VIEW work AS
SELECT u.unit, u.call_ms, now_us() AS read_us, m.body AS prompt, u.kind
  FROM units u
  LEFT JOIN LATERAL (
        SELECT body
          FROM office.messages
         WHERE recipient_id = u.employee_id
         ORDER BY sent_at DESC
         LIMIT 1) m ON true;

-- Of all units, those that nobody has read since they were due. A clock may be read 10 ms early.
CREATE VIEW due AS
SELECT w.*
  FROM work w
  JOIN units u USING (unit),
       LATERAL (
        SELECT at_us, floor((extract(epoch FROM statement_timestamp()) * 1e6 + 1e4 - at_us) / u.every_us) AS round
          FROM start) s
 WHERE s.round >= 0
   AND s.at_us + s.round * u.every_us - 1e4 > coalesce((
        SELECT a.read_us
          FROM answers a
         WHERE a.unit = u.unit
         ORDER BY a.read_us DESC
         LIMIT 1), 0);

CREATE FUNCTION answer(answer jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bench.answers VALUES
        ((answer ->> 'unit')::int, (answer ->> 'read_us')::bigint, bench.now_us(),
         (answer ->> 'outside_us')::bigint, answer ->> 'reply');
END $$;

-- All of a unit on one session, which waits for the call.
CREATE FUNCTION held(unit int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    task bench.work;
BEGIN
    IF bench.now_us() + 10000 < (SELECT at_us FROM bench.start) THEN
        RETURN;
    END IF;
    SELECT * INTO STRICT task FROM bench.work w WHERE w.unit = held.unit;
    PERFORM pg_sleep(task.call_ms / 1000.0);
    PERFORM bench.answer(jsonb_build_object('unit', task.unit, 'read_us', task.read_us,
                                            'outside_us', bench.now_us() - task.read_us, 'reply', 'Yes.'));
END $$;
