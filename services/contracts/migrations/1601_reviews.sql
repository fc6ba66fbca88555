-- The school's one queue: what waits for a decision, whichever service keeps the record. Ids only, no personal data.
CREATE TABLE contracts.reviews (
    id            uuid PRIMARY KEY,
    -- ORIGIN, CORRECTION, HELP, AGREEMENT; other kinds join by data.
    kind          text NOT NULL CHECK (kind ~ '^[A-Z_]{1,20}$'),
    record_id     uuid NOT NULL,
    -- Of the record: of two messages the higher counts. Rows stay when nothing waits any more, to know late ones.
    version       integer NOT NULL,
    submission    integer NOT NULL,
    waiting       boolean NOT NULL,
    school_code   text NOT NULL,
    department    text NOT NULL,
    class_name    text NOT NULL,
    student_id    uuid,
    cohort        integer NOT NULL,
    level         smallint NOT NULL,
    since         timestamptz NOT NULL,
    due_time      timestamptz NOT NULL,
    plain         boolean NOT NULL,
    -- Accounts that may not decide: they made or changed what is reviewed, or passed it on the level before.
    barred        uuid[] NOT NULL,
    claim_account uuid,
    claim_name    text NOT NULL DEFAULT '',
    claim_until   timestamptz,
    update_time   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (kind, record_id),
    CHECK ((claim_account IS NULL) = (claim_until IS NULL)),
    CHECK (NOT waiting OR level IN (1, 2))
);
CREATE INDEX reviews_waiting ON contracts.reviews (school_code, level, since, id) WHERE waiting;

-- Agreements that wait already; their next step says whether they are plain.
INSERT INTO contracts.reviews (id, kind, record_id, version, submission, waiting, school_code, department, class_name,
    student_id, cohort, level, since, due_time, plain, barred)
SELECT id, 'AGREEMENT', id, version, signed_revision, true, school_code, department, '',
    student_id, cohort, CASE WHEN levels = 2 AND NOT department_passed THEN 1 ELSE 2 END,
    waiting_since, waiting_since + interval '48 hours', false, '{}'
FROM contracts.agreements WHERE state = 'PENDING_REVIEW';
