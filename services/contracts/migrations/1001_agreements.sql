-- Online agreements (SM-10), their frozen terms, their history, and the student's slot (SM-9).

CREATE TABLE contracts.destination_slots (
    student_id   uuid NOT NULL,
    cohort       integer NOT NULL,
    state        text NOT NULL CHECK (state IN ('FREE', 'RESERVED', 'HELD', 'RELEASING')),
    kind         text CHECK (kind IN ('ONLINE', 'OFFLINE', 'OTHER')),
    record_id    uuid,
    -- What a release goes back to when it comes to nothing.
    was_held     boolean NOT NULL DEFAULT false,
    update_time  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (student_id, cohort),
    CHECK ((state = 'FREE') = (record_id IS NULL) AND (record_id IS NULL) = (kind IS NULL))
);

CREATE TABLE contracts.agreements (
    id                  uuid PRIMARY KEY,
    version             integer NOT NULL DEFAULT 1 CHECK (version > 0),
    state               text NOT NULL CHECK (state IN (
        'DRAFT', 'PENDING_STUDENT', 'DECLINED', 'EXPIRED', 'WITHDRAWN', 'PENDING_REVIEW', 'AMEND_PENDING_STUDENT',
        'CANCELLED', 'SCHOOL_REJECTED', 'EFFECTIVE', 'TERMINATING', 'TERMINATED')),
    student_id          uuid NOT NULL,
    employer_id         uuid NOT NULL,
    school_code         text NOT NULL,
    department          text NOT NULL,
    cohort              integer NOT NULL,
    levels              smallint NOT NULL CHECK (levels IN (1, 2)),
    revision            integer NOT NULL,
    last_revision       integer NOT NULL,
    signed_revision     integer NOT NULL DEFAULT 0,
    opened_revision     integer NOT NULL DEFAULT 0,
    expire_time         timestamptz,
    amend_deadline      timestamptz,
    department_passed   boolean NOT NULL DEFAULT false,
    claim_account       uuid,
    claim_until         timestamptz,
    cancel_by           text CHECK (cancel_by IN ('STUDENT', 'EMPLOYER')),
    cancel_until        timestamptz,
    cancel_reason       text NOT NULL DEFAULT '',
    -- The student as of the last signature, sealed: it holds the identity number.
    student_sealed      bytea NOT NULL,
    employer            jsonb NOT NULL,
    school              jsonb NOT NULL,
    archive             jsonb,
    household           jsonb,
    serial              text UNIQUE,
    verify_code         text,
    file_id             uuid,
    document_sha256     text,
    reason              text NOT NULL DEFAULT '',
    supersedes_id       uuid REFERENCES contracts.agreements (id),
    -- Does not count against the yearly limit: offered again after a school's refusal (R-05).
    uncounted           boolean NOT NULL DEFAULT false,
    send_time           timestamptz,
    effective_time      timestamptz,
    waiting_since       timestamptz NOT NULL DEFAULT now(),
    create_time         timestamptz NOT NULL DEFAULT now(),
    update_time         timestamptz NOT NULL DEFAULT now(),
    CHECK (signed_revision <= revision AND revision <= last_revision),
    CHECK ((claim_account IS NULL) = (claim_until IS NULL)),
    CHECK ((cancel_by IS NULL) = (cancel_until IS NULL)),
    CHECK ((serial IS NULL) = (verify_code IS NULL)),
    CHECK (state <> 'PENDING_STUDENT' OR expire_time IS NOT NULL),
    CHECK (state <> 'AMEND_PENDING_STUDENT' OR amend_deadline IS NOT NULL)
);
-- One open offer an employer and student (manual: no second invitation while one is valid).
CREATE UNIQUE INDEX agreements_one_open_offer ON contracts.agreements (employer_id, student_id)
    WHERE state = 'PENDING_STUDENT';
-- A second belt under the slot: one agreement a student occupies it (manual: one employer only).
CREATE UNIQUE INDEX agreements_one_signed ON contracts.agreements (student_id, cohort)
    WHERE state IN ('PENDING_REVIEW', 'AMEND_PENDING_STUDENT', 'EFFECTIVE', 'TERMINATING');
CREATE INDEX agreements_of_student ON contracts.agreements (student_id, id DESC) WHERE state <> 'DRAFT';
CREATE INDEX agreements_of_employer ON contracts.agreements (employer_id, id DESC);
CREATE INDEX agreements_to_review ON contracts.agreements (school_code, waiting_since, id) WHERE state = 'PENDING_REVIEW';
CREATE INDEX agreements_to_expire ON contracts.agreements (expire_time) WHERE state = 'PENDING_STUDENT';
CREATE INDEX agreements_to_time_out ON contracts.agreements (amend_deadline) WHERE state = 'AMEND_PENDING_STUDENT';
CREATE INDEX agreements_to_lapse ON contracts.agreements (cancel_until) WHERE cancel_until IS NOT NULL;
CREATE INDEX agreements_by_document ON contracts.agreements (document_sha256) WHERE document_sha256 IS NOT NULL;

-- Terms never change: an edit is the next revision. A draft's first revision may be replaced until it is sent.
CREATE TABLE contracts.revisions (
    agreement_id uuid NOT NULL REFERENCES contracts.agreements (id),
    number       integer NOT NULL CHECK (number > 0),
    terms        jsonb NOT NULL,
    -- SHA-256 of the canonical terms: what the parties sign.
    hash         bytea NOT NULL CHECK (octet_length(hash) = 32),
    create_time  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (agreement_id, number)
);

-- Each party's consent to one revision.
CREATE TABLE contracts.signatures (
    agreement_id uuid NOT NULL,
    revision     integer NOT NULL,
    party        text NOT NULL CHECK (party IN ('STUDENT', 'EMPLOYER')),
    account_id   uuid NOT NULL,
    signer       text NOT NULL,
    hash         bytea NOT NULL CHECK (octet_length(hash) = 32),
    address      text NOT NULL,
    client       text NOT NULL,
    create_time  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (agreement_id, revision, party),
    FOREIGN KEY (agreement_id, revision) REFERENCES contracts.revisions (agreement_id, number)
);

-- Every step, chained by hash.
CREATE TABLE contracts.history (
    agreement_id uuid NOT NULL REFERENCES contracts.agreements (id),
    sequence     integer NOT NULL CHECK (sequence > 0),
    event        text NOT NULL,
    from_state   text NOT NULL,
    to_state     text NOT NULL,
    revision     integer NOT NULL,
    actor_role   text NOT NULL,
    actor_id     uuid,
    actor_name   text NOT NULL,
    address      text NOT NULL,
    client       text NOT NULL,
    reason       text NOT NULL DEFAULT '',
    create_time  timestamptz NOT NULL,
    hash         bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (agreement_id, sequence)
);

-- Reading times: good for one student and revision.
CREATE TABLE contracts.read_tokens (
    id           uuid PRIMARY KEY,
    agreement_id uuid NOT NULL,
    revision     integer NOT NULL,
    student_id   uuid NOT NULL,
    create_time  timestamptz NOT NULL
);
CREATE INDEX read_tokens_age ON contracts.read_tokens (create_time);

-- Whether a student's record is approved, as identity last told. Accepting asks identity itself; this is for the pages.
CREATE TABLE contracts.origins (
    student_id  uuid PRIMARY KEY,
    version     integer NOT NULL,
    approved    boolean NOT NULL,
    update_time timestamptz NOT NULL DEFAULT now()
);
