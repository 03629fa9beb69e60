-- Times are microseconds since 1970 in UTC, by the server's clock; lists and plans are JSON. Empty text stands for "none", so that
-- nothing but times, exit codes and agents can be null. The text of every statement is meant for SQLite and PostgreSQL alike.

-- Numbers are drawn from here and not from the database's own sequences: the row's lock makes the order of numbers the order of
-- commits, so that a reader who asks for what is newer than a number misses nothing.
CREATE TABLE counters (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('run', 0), ('change', 0);

CREATE TABLE projects (
    name        TEXT    NOT NULL PRIMARY KEY,
    url         TEXT    NOT NULL,
    created_at  BIGINT  NOT NULL,
    problem     TEXT    NOT NULL DEFAULT '',
    heads_known INTEGER NOT NULL DEFAULT 0 -- 1 once heads are those of the repository, even if there is none
);

CREATE TABLE heads (
    project     TEXT NOT NULL REFERENCES projects (name),
    ref         TEXT NOT NULL,
    commit_hash TEXT NOT NULL,
    PRIMARY KEY (project, ref)
);

CREATE TABLE agents (
    id           TEXT    NOT NULL PRIMARY KEY,
    name         TEXT    NOT NULL,
    version      TEXT    NOT NULL,
    os           TEXT    NOT NULL,
    arch         TEXT    NOT NULL,
    labels       TEXT    NOT NULL,
    capacity     INTEGER NOT NULL,
    online       INTEGER NOT NULL,
    problem      TEXT    NOT NULL,
    session      BIGINT  NOT NULL,
    last_seen_at BIGINT  NOT NULL
);

CREATE TABLE runs (
    id            BIGINT  NOT NULL PRIMARY KEY,
    project       TEXT    NOT NULL REFERENCES projects (name),
    pipeline      TEXT    NOT NULL,
    event_kind    TEXT    NOT NULL,
    event_ref     TEXT    NOT NULL,
    branch        TEXT    NOT NULL,
    tag           TEXT    NOT NULL,
    commit_hash   TEXT    NOT NULL,
    title         TEXT    NOT NULL,
    actor         TEXT    NOT NULL,
    inputs        TEXT    NOT NULL,
    problems      TEXT    NOT NULL,
    plan_version  INTEGER NOT NULL, -- 0 for a run without a plan
    state         TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'done')),
    result        TEXT    NOT NULL,
    cause         TEXT    NOT NULL,
    cancel_reason TEXT    NOT NULL DEFAULT '', -- not empty once it was canceled
    created_at    BIGINT  NOT NULL,
    started_at    BIGINT,
    finished_at   BIGINT,
    CHECK ((state = 'done') = (result <> ''))
);
CREATE INDEX runs_of_project ON runs (project, id);

-- A job's phase is its state, but that an offered job is still queued to everybody but the agent that it was offered to.
CREATE TABLE jobs (
    run         BIGINT  NOT NULL REFERENCES runs (id),
    name        TEXT    NOT NULL,
    position    INTEGER NOT NULL, -- in the plan
    needs       TEXT    NOT NULL,
    labels      TEXT    NOT NULL,
    plan        TEXT    NOT NULL,
    phase       TEXT    NOT NULL CHECK (phase IN ('waiting', 'queued', 'offered', 'running', 'done')),
    result      TEXT    NOT NULL DEFAULT '',
    cause       TEXT    NOT NULL DEFAULT '',
    agent       TEXT REFERENCES agents (id), -- that it was offered to last
    epoch       BIGINT  NOT NULL DEFAULT 0,
    revision    BIGINT  NOT NULL DEFAULT 0,  -- of the last report under this epoch
    cancel      INTEGER NOT NULL DEFAULT 0,  -- 1 once a running job has to end
    queued_at   BIGINT,
    offered_at  BIGINT,
    started_at  BIGINT,
    finished_at BIGINT,
    PRIMARY KEY (run, name),
    CHECK ((phase = 'done') = (result <> ''))
);
CREATE INDEX jobs_queued ON jobs (queued_at, run, position) WHERE phase = 'queued';
CREATE INDEX jobs_held ON jobs (agent, run, position) WHERE phase IN ('offered', 'running');

CREATE TABLE activities (
    run            BIGINT  NOT NULL,
    job            TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    position       INTEGER NOT NULL,
    image          TEXT    NOT NULL,
    state          TEXT    NOT NULL CHECK (state IN ('waiting', 'running', 'done')),
    result         TEXT    NOT NULL DEFAULT '',
    cause          TEXT    NOT NULL DEFAULT '',
    exit_code      INTEGER,
    signal         TEXT    NOT NULL DEFAULT '',
    started_at     BIGINT,
    finished_at    BIGINT,
    log_bytes      BIGINT  NOT NULL DEFAULT 0,
    log_sha256     TEXT    NOT NULL DEFAULT '',
    log_incomplete TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (run, job, name),
    FOREIGN KEY (run, job) REFERENCES jobs (run, name),
    CHECK ((state = 'done') = (result <> ''))
);

-- The history of all runs. Only ever added to.
CREATE TABLE changes (
    seq       BIGINT NOT NULL PRIMARY KEY,
    run       BIGINT NOT NULL REFERENCES runs (id),
    at        BIGINT NOT NULL,
    kind      TEXT   NOT NULL CHECK (kind IN ('run', 'job', 'activity')),
    job       TEXT   NOT NULL,
    activity  TEXT   NOT NULL,
    state     TEXT   NOT NULL,
    result    TEXT   NOT NULL,
    cause     TEXT   NOT NULL,
    waits_for TEXT   NOT NULL
);
CREATE INDEX changes_of_run ON changes (run, seq);
