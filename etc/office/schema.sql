-- The office: tables of a small company simulator, in a schema of their own.
-- Needs a fresh database and the right to create a schema in it, nothing more.
-- Load order: schema.sql, procedures.sql, generate.sql.

CREATE SCHEMA office;
SET search_path = office;

-- Who they are. Almost every table refers to this one, so it is left alone once it is filled.
CREATE TABLE employees (
    id          int  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL,
    email       text NOT NULL UNIQUE,
    department  text NOT NULL,
    manager_id  int  REFERENCES employees,
    CHECK (manager_id <> id)
);

CREATE INDEX ON employees (department);
CREATE INDEX ON employees (manager_id);

-- How they are: updated at every tick, so apart from employees. A row that foreign keys refer to carries their locks,
-- and SKIP LOCKED may then wait after all, up to a deadlock.
CREATE TABLE presence (
    employee_id int PRIMARY KEY REFERENCES employees,
    energy      int NOT NULL DEFAULT 100 CHECK (energy BETWEEN 0 AND 100),
    away_since  timestamptz                     -- on leave; null: at work
) WITH (fillfactor = 50);

CREATE VIEW at_work AS
SELECT e.*
  FROM employees e
  JOIN presence p ON p.employee_id = e.id
 WHERE p.away_since IS NULL;

-- What happened, for the dashboard's feed.
CREATE TABLE activity (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    employee_id int REFERENCES employees,       -- null: the office itself
    kind        text NOT NULL,
    detail      text NOT NULL
);

CREATE INDEX ON activity (employee_id, at);

CREATE TABLE notifications (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at  timestamptz NOT NULL DEFAULT now(),
    employee_id int  NOT NULL REFERENCES employees,
    body        text NOT NULL,
    read_at     timestamptz
);

CREATE INDEX ON notifications (employee_id, created_at);
CREATE INDEX notifications_unread ON notifications (id) WHERE read_at IS NULL;

CREATE TABLE messages (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sent_at      timestamptz NOT NULL DEFAULT now(),
    channel      text NOT NULL CHECK (channel IN ('chat', 'email')),
    key          text UNIQUE,                   -- of what was written outside: not a second time
    sender_id    int  NOT NULL REFERENCES employees,
    recipient_id int  NOT NULL REFERENCES employees,
    body         text NOT NULL,
    reply        text,
    replied_at   timestamptz,
    CHECK (sender_id <> recipient_id),
    CHECK ((reply IS NULL) = (replied_at IS NULL))
);

CREATE INDEX ON messages (sender_id, sent_at);
CREATE INDEX ON messages (recipient_id, sent_at);
CREATE INDEX messages_open ON messages (id) WHERE replied_at IS NULL;

CREATE TABLE meetings (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organizer_id int  NOT NULL REFERENCES employees,
    title        text NOT NULL,
    starts_at    timestamptz NOT NULL,
    lasts        interval    NOT NULL CHECK (lasts > interval '0'),
    state        text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'running', 'done')),
    minutes      text
);

CREATE INDEX ON meetings (organizer_id);
CREATE INDEX meetings_open ON meetings (state, starts_at) WHERE state <> 'done';

CREATE TABLE meeting_attendees (
    meeting_id  bigint REFERENCES meetings ON DELETE CASCADE,
    employee_id int    REFERENCES employees,
    PRIMARY KEY (meeting_id, employee_id)
);

CREATE INDEX ON meeting_attendees (employee_id);

CREATE TABLE training_sessions (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    employee_id int  NOT NULL REFERENCES employees,
    course      text NOT NULL,
    progress    int  NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    checked_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    CHECK ((progress = 100) = (finished_at IS NOT NULL))
);

CREATE INDEX ON training_sessions (employee_id);
CREATE INDEX ON training_sessions (checked_at) WHERE finished_at IS NULL;
CREATE UNIQUE INDEX one_open_course ON training_sessions (employee_id) WHERE finished_at IS NULL;

CREATE TABLE awards (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    employee_id int  NOT NULL REFERENCES employees,
    title       text NOT NULL,
    points      int  NOT NULL CHECK (points >= 0),
    given_at    timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX ON awards (employee_id, given_at);

CREATE TABLE reviews (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    employee_id int NOT NULL REFERENCES employees,
    reviewer_id int NOT NULL REFERENCES employees,
    due_at      timestamptz NOT NULL,
    rating      int CHECK (rating BETWEEN 1 AND 5),
    comment     text,
    written_at  timestamptz,
    CHECK (employee_id <> reviewer_id),
    CHECK ((rating IS NULL) = (written_at IS NULL))
);

CREATE INDEX ON reviews (employee_id, written_at);
CREATE INDEX ON reviews (reviewer_id);
CREATE INDEX ON reviews (due_at) WHERE written_at IS NULL;
CREATE UNIQUE INDEX one_open_review ON reviews (employee_id) WHERE written_at IS NULL;

CREATE TABLE shared_files (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner_id    int    NOT NULL REFERENCES employees,
    folder      text   NOT NULL,
    name        text   NOT NULL,
    version     int    NOT NULL DEFAULT 1 CHECK (version > 0),
    size_bytes  bigint NOT NULL CHECK (size_bytes >= 0),
    modified_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (folder, name)
);

CREATE INDEX ON shared_files (owner_id);
