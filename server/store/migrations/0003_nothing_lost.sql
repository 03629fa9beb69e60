-- Jobs that begin anew after they were lost, what a server needs after it was restored from a backup, and what is told about
-- jobs and agents that go on.

ALTER TABLE jobs ADD COLUMN fence BIGINT NOT NULL DEFAULT 0;       -- microseconds; as it was granted to the agent of this epoch
ALTER TABLE jobs ADD COLUMN not_before BIGINT;                     -- after a restore: when it may be offered again
ALTER TABLE jobs ADD COLUMN note TEXT NOT NULL DEFAULT '';         -- the last one of its agent
ALTER TABLE activities ADD COLUMN log_omitted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE changes ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN note TEXT NOT NULL DEFAULT '';

-- The attempts at jobs before the current one: all of them were lost.
CREATE TABLE attempts (
    run         BIGINT NOT NULL,
    job         TEXT   NOT NULL,
    epoch       BIGINT NOT NULL,
    agent       TEXT   NOT NULL REFERENCES agents (id),
    revision    BIGINT NOT NULL, -- of the last report
    result      TEXT   NOT NULL,
    cause       TEXT   NOT NULL,
    activities  TEXT   NOT NULL, -- how they ended
    started_at  BIGINT,
    finished_at BIGINT NOT NULL,
    PRIMARY KEY (run, job, epoch),
    FOREIGN KEY (run, job) REFERENCES jobs (run, name)
);

-- A running job whose agent does not end it in time is given up; see jobs.deadline, which approvals have as well.
CREATE INDEX jobs_overdue ON jobs (deadline) WHERE phase = 'running';

-- The generation counts the restores; epochs of one are all above those of the one before.
INSERT INTO counters (name, value) VALUES ('generation', 0), ('restored', 0), ('backup', 0);

-- Written to find out whether there is room again.
CREATE TABLE probe (data BYTEA NOT NULL);
