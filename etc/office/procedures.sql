-- The office: the work of each kind of background task: a procedure, or for work outside the function that writes one
-- line of what was found there, and that may be given the same line twice.
-- Bounded: every procedure touches at most a batch, and prune() keeps the newest rows of each table.
-- Safe side by side: rows are taken with SKIP LOCKED, so that nobody waits for a row while holding others; what may
-- still wait (an insert on a unique index) comes in the order of its key. None commits: that is the caller's to do.

SET search_path = office;

-- One of the choices, at random.
CREATE FUNCTION pick(VARIADIC choices text[]) RETURNS text
RETURN choices[1 + floor(random() * cardinality(choices))::int];

-- Random pairs of colleagues at work, nobody twice.
CREATE FUNCTION pairs(pair_count int) RETURNS TABLE (a int, b int)
BEGIN ATOMIC
    WITH shuffled AS (
        SELECT id, row_number() OVER (ORDER BY random()) AS place
          FROM at_work)
    SELECT x.id, y.id
      FROM shuffled x
      JOIN shuffled y ON y.place = x.place + 1
     WHERE x.place % 2 = 1 AND x.place < 2 * pair_count;
END;

-- tick: some people work, and rest when they are tired; some write to a colleague; meetings are planned, and begin.
CREATE PROCEDURE tick(batch int DEFAULT 25)
BEGIN ATOMIC
    WITH chosen AS (
        SELECT employee_id
          FROM presence
         WHERE away_since IS NULL
         ORDER BY random()
         LIMIT batch
           FOR UPDATE SKIP LOCKED),
    worked AS (
        UPDATE presence p
           SET energy = CASE WHEN energy < 20 THEN 100 ELSE energy - 1 - floor(random() * 19)::int END
          FROM chosen
         WHERE p.employee_id = chosen.employee_id
        RETURNING p.employee_id, p.energy = 100 AS rested)
    INSERT INTO activity (employee_id, kind, detail)
    SELECT employee_id,
           CASE WHEN rested THEN 'rest' ELSE 'work' END,
           CASE WHEN rested THEN 'took a break' ELSE pick('wrote code', 'called a customer', 'fixed a bug') END
      FROM worked;

    INSERT INTO messages (channel, sender_id, recipient_id, body)
    SELECT 'chat', a, b, pick('Lunch?', 'Can you have a look?', 'Is the build green?', 'Where is the file?')
      FROM pairs(2);

    WITH due AS (
        SELECT id
          FROM meetings
         WHERE state = 'planned' AND starts_at <= now()
         ORDER BY starts_at
         LIMIT batch
           FOR UPDATE SKIP LOCKED)
    UPDATE meetings m
       SET state = 'running'
      FROM due
     WHERE m.id = due.id;

    WITH planned AS (
        INSERT INTO meetings (organizer_id, title, starts_at, lasts)
        SELECT a,
               pick('Planning', 'Stand-up', 'Retrospective', 'Budget'),
               now() + random() * interval '2 min',
               interval '30 s' + random() * interval '2 min'
          FROM pairs(1)
        RETURNING id, organizer_id, title),
    invited AS (
        INSERT INTO meeting_attendees (meeting_id, employee_id)
        SELECT p.id, guest.id
          FROM planned p
          JOIN employees o ON o.id = p.organizer_id
         CROSS JOIN LATERAL (
               SELECT e.id
                 FROM at_work e
                WHERE e.department = o.department AND e.id <> o.id
                ORDER BY random()
                LIMIT 5) guest
        RETURNING meeting_id, employee_id)
    INSERT INTO notifications (employee_id, body)
    SELECT i.employee_id, 'You are invited: ' || p.title
      FROM invited i
      JOIN planned p ON p.id = i.meeting_id;
END;

-- notifications: the oldest unread ones are read.
CREATE PROCEDURE deliver_notifications(batch int DEFAULT 200)
BEGIN ATOMIC
    WITH unread AS (
        SELECT id
          FROM notifications
         WHERE read_at IS NULL
         ORDER BY id
         LIMIT batch
           FOR UPDATE SKIP LOCKED)
    UPDATE notifications n
       SET read_at = now()
      FROM unread
     WHERE n.id = unread.id;
END;

-- messages: an answer that was found outside; that somebody else answered meanwhile changes nothing.
CREATE FUNCTION answer_message(answer jsonb) RETURNS void
BEGIN ATOMIC
    WITH answered AS (
        UPDATE messages
           SET reply = answer->>'reply', replied_at = now()
         WHERE id = (answer->>'id')::bigint AND replied_at IS NULL
        RETURNING sender_id, recipient_id)
    INSERT INTO notifications (employee_id, body)
    SELECT sender_id, name || ' answered your message'
      FROM answered
      JOIN employees e ON e.id = recipient_id;
END;

-- meetings: one that is over ends with the minutes that were written outside, if it has not ended yet.
CREATE FUNCTION end_meeting(record jsonb) RETURNS void
BEGIN ATOMIC
    WITH ended AS (
        UPDATE meetings
           SET state = 'done', minutes = record->>'minutes'
         WHERE id = (record->>'id')::bigint AND state = 'running'
        RETURNING organizer_id, minutes)
    INSERT INTO activity (employee_id, kind, detail)
    SELECT organizer_id, 'meeting', minutes
      FROM ended;
END;

-- employees: who was on leave longest comes back; while fewer than one in ten is away, the most tired one goes on leave
-- and hands the shared files to a colleague.
CREATE PROCEDURE manage_employees()
BEGIN ATOMIC
    WITH back AS (
        SELECT employee_id
          FROM presence
         WHERE away_since IS NOT NULL
         ORDER BY away_since
         LIMIT 1
           FOR UPDATE SKIP LOCKED),
    returned AS (
        UPDATE presence p
           SET away_since = NULL, energy = 100
          FROM back
         WHERE p.employee_id = back.employee_id
        RETURNING p.employee_id)
    INSERT INTO activity (employee_id, kind, detail)
    SELECT employee_id, 'leave', 'is back from leave'
      FROM returned;

    WITH tired AS (
        SELECT employee_id
          FROM presence
         WHERE away_since IS NULL
           AND (SELECT 10 * count(away_since) < count(*) FROM presence)
         ORDER BY energy, random()
         LIMIT 1
           FOR UPDATE SKIP LOCKED),
    gone AS (
        UPDATE presence p
           SET away_since = now()
          FROM tired
          JOIN employees e ON e.id = tired.employee_id
         WHERE p.employee_id = tired.employee_id
        RETURNING e.id, e.department),
    files AS (
        SELECT f.id, f.owner_id, gone.department
          FROM shared_files f
          JOIN gone ON gone.id = f.owner_id
           FOR UPDATE OF f SKIP LOCKED),
    handed_over AS (
        UPDATE shared_files f
           SET owner_id = colleague.id
          FROM files
         CROSS JOIN LATERAL (
               SELECT e.id
                 FROM at_work e
                WHERE e.department = files.department AND e.id <> files.owner_id
                ORDER BY random()
                LIMIT 1) colleague
         WHERE f.id = files.id)
    INSERT INTO activity (employee_id, kind, detail)
    SELECT id, 'leave', 'is on leave'
      FROM gone;
END;

-- training: the courses not looked at for longest make progress, finished ones make room for new ones.
CREATE PROCEDURE check_training(batch int DEFAULT 25)
BEGIN ATOMIC
    WITH open AS (
        SELECT id, progress + 10 + floor(random() * 20)::int AS progress
          FROM training_sessions
         WHERE finished_at IS NULL
         ORDER BY checked_at
         LIMIT batch
           FOR UPDATE SKIP LOCKED),
    checked AS (
        UPDATE training_sessions t
           SET progress    = least(open.progress, 100),
               checked_at  = now(),
               finished_at = CASE WHEN open.progress >= 100 THEN now() END
          FROM open
         WHERE t.id = open.id
        RETURNING t.employee_id, t.course, t.finished_at)
    INSERT INTO notifications (employee_id, body)
    SELECT employee_id, 'You finished the course ' || course
      FROM checked
     WHERE finished_at IS NOT NULL;

    INSERT INTO training_sessions (employee_id, course)
    SELECT e.id, pick('SQL', 'Security', 'First aid', 'Presenting')
      FROM at_work e
     WHERE NOT EXISTS (SELECT FROM training_sessions t WHERE t.employee_id = e.id AND t.finished_at IS NULL)
     ORDER BY e.id
     LIMIT batch
        ON CONFLICT DO NOTHING;
END;

-- reviews: one that was written outside, unless it has been written already; and a new one for who has waited longest.
CREATE FUNCTION write_review(review jsonb) RETURNS void
BEGIN ATOMIC
    WITH written AS (
        UPDATE reviews
           SET rating = (review->>'rating')::int, comment = review->>'comment', written_at = now()
         WHERE id = (review->>'id')::bigint AND written_at IS NULL
        RETURNING employee_id, rating)
    INSERT INTO notifications (employee_id, body)
    SELECT employee_id, format('Your review is written: %s of 5', rating)
      FROM written;

    INSERT INTO reviews (employee_id, reviewer_id, due_at)
    SELECT e.id, e.manager_id, now() + random() * interval '5 min'
      FROM at_work e
     WHERE e.manager_id IS NOT NULL
       AND NOT EXISTS (SELECT FROM reviews r WHERE r.employee_id = e.id AND r.written_at IS NULL)
     ORDER BY (SELECT max(r.written_at) FROM reviews r WHERE r.employee_id = e.id) NULLS FIRST, e.id
     LIMIT 1
        ON CONFLICT DO NOTHING;
END;

-- awards: the busiest of the last hour, but none of the latest winners again; their departments hear of it.
CREATE PROCEDURE give_awards(batch int DEFAULT 3)
BEGIN ATOMIC
    WITH busiest AS (
        SELECT employee_id, count(*) AS points
          FROM activity
         WHERE at > now() - interval '1 hour'
         GROUP BY employee_id),
    given AS (
        INSERT INTO awards (employee_id, title, points)
        SELECT e.id, pick('Helping hand', 'Iron will', 'Bright idea'), b.points
          FROM busiest b
          JOIN at_work e ON e.id = b.employee_id
         WHERE e.id NOT IN (SELECT employee_id FROM awards ORDER BY id DESC LIMIT 3 * batch)
         ORDER BY b.points DESC, e.id
         LIMIT batch
        RETURNING employee_id, title)
    INSERT INTO notifications (employee_id, body)
    SELECT colleague.id, format('%s received the award %s', winner.name, given.title)
      FROM given
      JOIN employees winner    ON winner.id = given.employee_id
      JOIN employees colleague ON colleague.department = winner.department;
END;

-- communications: a mail that was written outside. No row waited for it, so its key says whether it was sent already.
CREATE FUNCTION send_mail(mail jsonb) RETURNS void
BEGIN ATOMIC
    INSERT INTO messages (channel, key, sender_id, recipient_id, body)
    VALUES ('email', mail->>'key', (mail->>'sender')::int, (mail->>'recipient')::int, mail->>'body')
        ON CONFLICT DO NOTHING;
END;

-- shared_drive: somebody uploads a file, others edit what is there.
CREATE PROCEDURE update_shared_drive(batch int DEFAULT 25)
BEGIN ATOMIC
    INSERT INTO shared_files (owner_id, folder, name, size_bytes)
    SELECT e.id,
           e.department,
           format('%s %s.odt', pick('Budget', 'Minutes', 'Contract'), to_char(now(), 'YYYY-MM-DD HH24.MI.SS')),
           1000 + floor(random() * 100000)
      FROM pairs(1)
      JOIN employees e ON e.id = a
        ON CONFLICT DO NOTHING;

    WITH opened AS (
        SELECT id
          FROM shared_files
         ORDER BY random()
         LIMIT batch
           FOR UPDATE SKIP LOCKED),
    edited AS (
        UPDATE shared_files f
           SET version     = version + 1,
               size_bytes  = size_bytes + floor(random() * 1000)::int,
               modified_at = now()
          FROM opened
         WHERE f.id = opened.id
        RETURNING f.owner_id, f.name, f.version)
    INSERT INTO activity (employee_id, kind, detail)
    SELECT owner_id, 'file', format('saved version %s of %s', version, name)
      FROM edited;
END;

-- Of every table that grows, keep the newest rows; delete at most a batch of each.
CREATE PROCEDURE prune(keep int DEFAULT 10000, batch int DEFAULT 1000)
LANGUAGE plpgsql AS $$
DECLARE
    history regclass;
BEGIN
    FOREACH history IN ARRAY ARRAY['office.activity', 'office.notifications', 'office.messages', 'office.meetings',
                                   'office.training_sessions', 'office.awards', 'office.reviews', 'office.shared_files']
    LOOP
        EXECUTE format('DELETE FROM %1$s WHERE id = ANY (ARRAY(
                            SELECT id FROM %1$s WHERE id <= (SELECT max(id) - $1 FROM %1$s)
                             ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED))', history)
          USING keep, batch;
    END LOOP;
END;
$$;
