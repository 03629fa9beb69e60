-- The whole language: deferred jobs, matrices, approvals, outputs, concurrency groups, variables and secrets, schedules.
--
-- What other tables refer to is made anew under another name, so that the order of dropping leaves no reference in the air; the
-- renaming at the end takes the references along.

-- What runs were planned from, once for each content; compressed with gzip.
CREATE TABLE sources (
    sha256 TEXT  NOT NULL PRIMARY KEY,
    data   BYTEA NOT NULL
);

CREATE TABLE runs_2 (
    id             BIGINT  NOT NULL PRIMARY KEY,
    project        TEXT    NOT NULL REFERENCES projects (name),
    pipeline       TEXT    NOT NULL,
    event_kind     TEXT    NOT NULL,
    event_ref      TEXT    NOT NULL,
    event_source   TEXT    NOT NULL DEFAULT '',
    event_schedule TEXT    NOT NULL DEFAULT '',
    branch         TEXT    NOT NULL,
    tag            TEXT    NOT NULL,
    commit_hash    TEXT    NOT NULL,
    title          TEXT    NOT NULL,
    actor          TEXT    NOT NULL,
    inputs         TEXT    NOT NULL,
    problems       TEXT    NOT NULL,
    source         TEXT REFERENCES sources (sha256),
    plan_version   INTEGER NOT NULL, -- 0 for a run without a plan
    turn_group     TEXT    NOT NULL DEFAULT '', -- of its concurrency
    turn_policy    TEXT    NOT NULL DEFAULT '',
    state          TEXT    NOT NULL CHECK (state IN ('waiting', 'queued', 'running', 'done')),
    result         TEXT    NOT NULL,
    cause          TEXT    NOT NULL,
    cancel         INTEGER NOT NULL DEFAULT 0, -- 1 once it was canceled, 2 once all of it has to end
    cancel_reason  TEXT    NOT NULL DEFAULT '',
    canceled_at    BIGINT,
    created_at     BIGINT  NOT NULL,
    started_at     BIGINT,
    finished_at    BIGINT,
    CHECK ((state = 'done') = (result <> ''))
);
INSERT INTO runs_2 (id, project, pipeline, event_kind, event_ref, branch, tag, commit_hash, title, actor, inputs, problems, plan_version,
    state, result, cause, cancel, cancel_reason, canceled_at, created_at, started_at, finished_at)
SELECT id, project, pipeline, event_kind, event_ref, branch, tag, commit_hash, title, actor, inputs, problems, plan_version,
    state, result, cause, CASE WHEN cancel_reason = '' THEN 0 ELSE 1 END, cancel_reason, CASE WHEN cancel_reason = '' THEN NULL ELSE created_at END,
    created_at, started_at, finished_at
FROM runs;

-- The nodes of a run. A phase says more than the state that people see:
--   waiting     for needs, or an instance for its matrix
--   planning    its needs are met, and the compiler has to plan it anew
--   asked       an approval that waits for a person
--   lined       a job that waits for its turn in a group
--   opened      a matrix whose instances may run; begun once one of them did
--   queued      for an agent; offered to one; running on it
--   concluding  it ended on its agent (see ended), and the compiler has to compute its outputs
CREATE TABLE jobs_2 (
    run           BIGINT  NOT NULL REFERENCES runs_2 (id),
    name          TEXT    NOT NULL,
    position      INTEGER NOT NULL, -- in the plan; the instances of a matrix have that of their matrix,
    part          INTEGER NOT NULL DEFAULT 0, -- and count from 1
    kind          TEXT    NOT NULL DEFAULT '' CHECK (kind IN ('', 'matrix', 'approval')),
    matrix_of     TEXT    NOT NULL DEFAULT '', -- of an instance: the name of its matrix
    matrix        TEXT    NOT NULL DEFAULT 'null', -- of an instance: its values
    max_parallel  INTEGER NOT NULL DEFAULT 0,
    fail_fast     INTEGER NOT NULL DEFAULT 0,
    needs         TEXT    NOT NULL,
    optional      TEXT    NOT NULL DEFAULT 'null',
    run_on        TEXT    NOT NULL DEFAULT '',
    skip          TEXT    NOT NULL DEFAULT '', -- why it will not run though its needs are met
    deferred      INTEGER NOT NULL DEFAULT 0,
    concludes     INTEGER NOT NULL DEFAULT 0, -- 1 if it has outputs to compute
    environment   TEXT    NOT NULL DEFAULT '',
    turn_group    TEXT    NOT NULL DEFAULT '',
    turn_policy   TEXT    NOT NULL DEFAULT '',
    os            TEXT    NOT NULL DEFAULT '',
    arch          TEXT    NOT NULL DEFAULT '',
    labels        TEXT    NOT NULL,
    plan          TEXT    NOT NULL,
    phase         TEXT    NOT NULL CHECK (phase IN ('waiting', 'planning', 'asked', 'lined', 'opened', 'begun', 'queued', 'offered', 'running', 'concluding', 'done')),
    ended         TEXT    NOT NULL DEFAULT '', -- the result on the agent of one that is concluding
    result        TEXT    NOT NULL DEFAULT '',
    cause         TEXT    NOT NULL DEFAULT '',
    outputs       TEXT    NOT NULL DEFAULT 'null',
    sealed        TEXT    NOT NULL DEFAULT '', -- the sensitive outputs; none once the run is done
    agent         TEXT REFERENCES agents (id), -- that it was offered to last
    epoch         BIGINT  NOT NULL DEFAULT 0,
    revision      BIGINT  NOT NULL DEFAULT 0, -- of the last report under this epoch
    cancel        INTEGER NOT NULL DEFAULT 0, -- 1 once a running job has to end, 2 once all of it has to
    cancel_reason TEXT    NOT NULL DEFAULT '',
    canceled_at   BIGINT,
    asked_at      BIGINT,
    deadline      BIGINT,
    decided_by    TEXT    NOT NULL DEFAULT '',
    decided_at    BIGINT,
    comment       TEXT    NOT NULL DEFAULT '',
    queued_at     BIGINT,
    offered_at    BIGINT,
    started_at    BIGINT,
    finished_at   BIGINT,
    PRIMARY KEY (run, name),
    CHECK ((phase = 'done') = (result <> '')),
    CHECK ((phase = 'concluding') = (ended <> ''))
);
INSERT INTO jobs_2 (run, name, position, needs, labels, plan, phase, result, cause, agent, epoch, revision, cancel, cancel_reason, canceled_at,
    queued_at, offered_at, started_at, finished_at)
SELECT j.run, j.name, j.position, j.needs, j.labels, j.plan, j.phase, j.result, j.cause, j.agent, j.epoch, j.revision, j.cancel,
    CASE WHEN j.cancel = 1 THEN r.cancel_reason ELSE '' END, CASE WHEN j.cancel = 1 THEN j.started_at END,
    j.queued_at, j.offered_at, j.started_at, j.finished_at
FROM jobs j JOIN runs r ON r.id = j.run;

CREATE TABLE activities_2 (
    run            BIGINT  NOT NULL,
    job            TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    position       INTEGER NOT NULL,
    image          TEXT    NOT NULL,
    uses           TEXT    NOT NULL DEFAULT '',
    state          TEXT    NOT NULL CHECK (state IN ('waiting', 'running', 'done')),
    result         TEXT    NOT NULL DEFAULT '',
    cause          TEXT    NOT NULL DEFAULT '',
    exit_code      INTEGER,
    signal         TEXT    NOT NULL DEFAULT '',
    outputs        TEXT    NOT NULL DEFAULT 'null',
    sealed         TEXT    NOT NULL DEFAULT '', -- as in jobs
    tries          TEXT    NOT NULL DEFAULT 'null',
    started_at     BIGINT,
    finished_at    BIGINT,
    log_bytes      BIGINT  NOT NULL DEFAULT 0,
    log_sha256     TEXT    NOT NULL DEFAULT '',
    log_incomplete TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (run, job, name),
    FOREIGN KEY (run, job) REFERENCES jobs_2 (run, name),
    CHECK ((state = 'done') = (result <> ''))
);
INSERT INTO activities_2 (run, job, name, position, image, state, result, cause, exit_code, signal, started_at, finished_at,
    log_bytes, log_sha256, log_incomplete)
SELECT run, job, name, position, image, state, result, cause, exit_code, signal, started_at, finished_at, log_bytes, log_sha256, log_incomplete
FROM activities;

CREATE TABLE changes_2 (
    seq       BIGINT NOT NULL PRIMARY KEY,
    run       BIGINT NOT NULL REFERENCES runs_2 (id),
    at        BIGINT NOT NULL,
    kind      TEXT   NOT NULL CHECK (kind IN ('run', 'job', 'activity')),
    job       TEXT   NOT NULL,
    activity  TEXT   NOT NULL,
    state     TEXT   NOT NULL,
    result    TEXT   NOT NULL,
    cause     TEXT   NOT NULL,
    waits_for TEXT   NOT NULL
);
INSERT INTO changes_2 (seq, run, at, kind, job, activity, state, result, cause, waits_for)
SELECT seq, run, at, kind, job, activity, state, result, cause, waits_for FROM changes;

DROP TABLE changes;
DROP TABLE activities;
DROP TABLE jobs;
DROP TABLE runs;
ALTER TABLE runs_2 RENAME TO runs;
ALTER TABLE jobs_2 RENAME TO jobs;
ALTER TABLE activities_2 RENAME TO activities;
ALTER TABLE changes_2 RENAME TO changes;

CREATE INDEX runs_of_project ON runs (project, id);
CREATE INDEX runs_in_group ON runs (project, turn_group, id) WHERE turn_group <> '' AND state <> 'done';
CREATE INDEX runs_canceled ON runs (canceled_at) WHERE cancel = 1 AND state <> 'done';
CREATE INDEX jobs_in_order ON jobs (run, position, part);
CREATE INDEX jobs_of_matrix ON jobs (run, matrix_of, phase, result, part) WHERE matrix_of <> '';
CREATE INDEX jobs_queued ON jobs (queued_at, run, position, part) WHERE phase = 'queued';
CREATE INDEX jobs_held ON jobs (agent, run, position) WHERE phase IN ('offered', 'running');
CREATE INDEX jobs_pending ON jobs (run, position, part) WHERE phase IN ('planning', 'concluding');
CREATE INDEX jobs_asked ON jobs (deadline) WHERE phase = 'asked';
CREATE INDEX jobs_in_group ON jobs (turn_group, run, position, part) WHERE turn_group <> '' AND phase IN ('lined', 'queued', 'offered', 'running', 'concluding');
CREATE INDEX jobs_canceled ON jobs (canceled_at) WHERE cancel = 1 AND phase = 'running';
CREATE INDEX changes_of_run ON changes (run, seq);
CREATE INDEX changes_that_end_runs ON changes (seq) WHERE kind = 'run' AND state = 'done';

-- How far those who read the history have come. What ended before this release starts nothing.
CREATE TABLE cursors (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO cursors (name, value) SELECT 'finished', value FROM counters WHERE name = 'change';

-- The last moment of each schedule that was dealt with.
CREATE TABLE firings (
    project  TEXT   NOT NULL REFERENCES projects (name),
    pipeline TEXT   NOT NULL,
    cron     TEXT   NOT NULL,
    timezone TEXT   NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (project, pipeline, cron, timezone)
);

-- Values by the environments of jobs; the empty one is for all that have none of their own.
CREATE TABLE variables (
    project     TEXT NOT NULL REFERENCES projects (name),
    environment TEXT NOT NULL,
    name        TEXT NOT NULL,
    value       TEXT NOT NULL,
    PRIMARY KEY (project, environment, name)
);

CREATE TABLE secrets (
    project     TEXT NOT NULL REFERENCES projects (name),
    environment TEXT NOT NULL,
    name        TEXT NOT NULL,
    sealed      TEXT NOT NULL,
    PRIMARY KEY (project, environment, name)
);
