-- The background work of tests/bench/foreground: the office's ten kinds of task, each with a small part of what its
-- procedure does (etc/office/procedures.sql), so that thousands of runs a minute leave the processors to the foreground.
-- Most of a run is a wait inside the server, which stands for its slower part: the session is held, no row is locked.

CREATE SCHEMA bench;
SET search_path = bench;

-- every_ms: the office's interval divided by ten, as in the reproduction of the incident. held_ms: the wait, such that
-- all kinds together hold 36 ms of a session per second and copy: 1.4 sessions at x8 if they were due evenly, 5.8 at x32.
CREATE TABLE kinds (
    kind     text PRIMARY KEY,
    every_ms int NOT NULL,
    held_ms  int NOT NULL
);

INSERT INTO kinds VALUES
    ('tick',             800,  5),
    ('notifications',   1000,  5),
    ('messages',        1500, 10),
    ('meetings',        2000,  8),
    ('employees',       3000,  8),
    ('training',        6000, 15),
    ('reviews',         6000, 40),
    ('awards',         12000, 30),
    ('communications', 30000, 30),
    ('shared_drive',  120000, 20);

-- Every run says when it began, by the server's clock.
CREATE UNLOGGED TABLE runs (
    task    text        NOT NULL,
    started timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What was due and got no session: the incident's way only; headgate gives up nothing for want of one.
CREATE UNLOGGED TABLE failures (
    task   text   NOT NULL,
    due_us bigint NOT NULL
);

CREATE PROCEDURE begin_run(task text, held_ms int) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bench.runs (task) VALUES (task);
    PERFORM pg_sleep(held_ms / 1000.0);
END $$;

CREATE FUNCTION someone() RETURNS int
RETURN 1 + floor(random() * 200)::int;

CREATE PROCEDURE tick(task text, held_ms int) LANGUAGE plpgsql AS $$
BEGIN
    CALL bench.begin_run(task, held_ms);
    WITH worked AS (
        UPDATE office.presence
           SET energy = CASE WHEN energy < 20 THEN 100 ELSE energy - 1 - floor(random() * 19)::int END
         WHERE employee_id = (SELECT bench.someone())
        RETURNING employee_id)
    INSERT INTO office.activity (employee_id, kind, detail)
    SELECT employee_id, 'work', 'wrote code'
      FROM worked;
END $$;

CREATE PROCEDURE notifications(task text, held_ms int) LANGUAGE plpgsql AS $$
BEGIN
    CALL bench.begin_run(task, held_ms);
    CALL office.deliver_notifications(2);
END $$;

CREATE PROCEDURE messages(task text, held_ms int) LANGUAGE plpgsql AS $$
BEGIN
    CALL bench.begin_run(task, held_ms);
    WITH waiting AS (
        SELECT id
          FROM office.messages
         WHERE replied_at IS NULL
         ORDER BY id
         LIMIT 2
           FOR UPDATE SKIP LOCKED)
    UPDATE office.messages m
       SET reply = 'Yes.', replied_at = now()
      FROM waiting
     WHERE m.id = waiting.id;
END $$;

CREATE PROCEDURE meetings(task text, held_ms int) LANGUAGE plpgsql AS $$
BEGIN
    CALL bench.begin_run(task, held_ms);
    WITH due AS (
        SELECT id
          FROM office.meetings
         WHERE state = 'planned' AND starts_at <= now()
         ORDER BY starts_at
         LIMIT 2
           FOR UPDATE SKIP LOCKED)
    UPDATE office.meetings m
       SET state = 'running'
      FROM due
     WHERE m.id = due.id;
END $$;

CREATE PROCEDURE employees(task text, held_ms int) LANGUAGE plpgsql AS $$
BEGIN
    CALL bench.begin_run(task, held_ms);
    UPDATE office.presence
       SET energy = 100
     WHERE employee_id = (SELECT bench.someone());
END $$;

CREATE PROCEDURE training(task text, held_ms int) LANGUAGE plpgsql AS $$
BEGIN
    CALL bench.begin_run(task, held_ms);
    UPDATE office.training_sessions
       SET progress = least(progress + 1, 99), checked_at = now()
     WHERE employee_id = (SELECT bench.someone()) AND finished_at IS NULL;
END $$;

CREATE PROCEDURE reviews(task text, held_ms int) LANGUAGE plpgsql AS $$
BEGIN
    CALL bench.begin_run(task, held_ms);
    INSERT INTO office.notifications (employee_id, body)
    SELECT 1 + count(*) % 200, format('You did %s things in the last hour', count(*))
      FROM office.activity
     WHERE employee_id = (SELECT bench.someone()) AND at > now() - interval '1 hour';
END $$;

CREATE PROCEDURE awards(task text, held_ms int) LANGUAGE plpgsql AS $$
BEGIN
    CALL bench.begin_run(task, held_ms);
    INSERT INTO office.awards (employee_id, title, points)
    VALUES (bench.someone(), 'Helping hand', 3);
END $$;

CREATE PROCEDURE communications(task text, held_ms int) LANGUAGE plpgsql AS $$
BEGIN
    CALL bench.begin_run(task, held_ms);
    INSERT INTO office.messages (channel, sender_id, recipient_id, body)
    VALUES ('email', 1, 1 + bench.someone() % 199 + 1, 'The figures, as promised');
END $$;

CREATE PROCEDURE shared_drive(task text, held_ms int) LANGUAGE plpgsql AS $$
BEGIN
    CALL bench.begin_run(task, held_ms);
    UPDATE office.shared_files
       SET version = version + 1, modified_at = now()
     WHERE id = (SELECT bench.someone());
END $$;
