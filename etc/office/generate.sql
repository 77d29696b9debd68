-- The office: its people, and an hour of history, so that every task has work from the first second.
-- The same for every run with the same number of employees (only the clock moves). Default 200:
--     psql -v employees=200 -f generate.sql office_db

\if :{?employees}
\else
    \set employees 200
\endif

BEGIN;
SET LOCAL search_path = office;
SELECT setseed(0.42) \g /dev/null

INSERT INTO employees (name, email, department)
SELECT format('%s %s', first, last),
       lower(format('%s.%s.%s@office.example', first, last, n)),
       (ARRAY['engineering', 'sales', 'support', 'finance', 'marketing', 'people'])[1 + n % 6]
  FROM generate_series(1, :employees) n
 CROSS JOIN LATERAL (
       SELECT (ARRAY['Ada', 'Ben', 'Cleo', 'Dan', 'Eva', 'Finn', 'Gita', 'Hugo', 'Ines', 'Jan', 'Kim'])[1 + n % 11],
              (ARRAY['Abel', 'Berg', 'Costa', 'Dietz', 'Ek', 'Frei', 'Gold', 'Haas', 'Ito', 'Jung'])[1 + n / 11 % 10]
       ) person (first, last);

-- the first of a department leads it
UPDATE employees e
   SET manager_id = lead.id
  FROM (SELECT department, min(id) AS id FROM employees GROUP BY department) lead
 WHERE lead.department = e.department AND lead.id <> e.id;

-- one in twenty is on leave
INSERT INTO presence (employee_id, energy, away_since)
SELECT id, 20 + floor(random() * 81)::int, CASE WHEN id % 20 = 0 THEN now() - id * interval '1 min' END
  FROM employees;

INSERT INTO activity (at, employee_id, kind, detail)
SELECT now() - random() * interval '1 hour', e.id, 'work', pick('wrote code', 'called a customer', 'fixed a bug')
  FROM employees e, generate_series(1, 5);

INSERT INTO messages (sent_at, channel, sender_id, recipient_id, body)
SELECT now() - random() * interval '1 hour', 'email', a, b, 'Welcome to the office'
  FROM pairs(:employees);

INSERT INTO meetings (organizer_id, title, starts_at, lasts)
SELECT id, 'Stand-up', now() + (random() - 0.5) * interval '2 min', interval '30 s' + random() * interval '2 min'
  FROM employees
 WHERE id % 5 = 0;

INSERT INTO meeting_attendees (meeting_id, employee_id)
SELECT m.id, e.id
  FROM meetings m
  JOIN employees e ON e.manager_id = m.organizer_id OR e.id = m.organizer_id;

INSERT INTO training_sessions (employee_id, course, progress)
SELECT id, pick('SQL', 'Security', 'First aid', 'Presenting'), floor(random() * 100)::int
  FROM employees
 WHERE id % 2 = 0;

INSERT INTO reviews (employee_id, reviewer_id, due_at)
SELECT id, manager_id, now() + (random() - 0.5) * interval '5 min'
  FROM employees
 WHERE id % 4 = 0 AND manager_id IS NOT NULL;

INSERT INTO shared_files (owner_id, folder, name, size_bytes)
SELECT id, department, format('%s %s.odt', pick('Budget', 'Minutes', 'Contract'), id), 1000 + floor(random() * 100000)
  FROM employees;

INSERT INTO notifications (employee_id, body)
SELECT id, 'Welcome to the office'
  FROM employees;

ANALYZE employees, presence, activity, notifications, messages, meetings, meeting_attendees, training_sessions, reviews,
        shared_files;
COMMIT;
