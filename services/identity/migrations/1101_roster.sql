-- The roster: one row a student, whether registered or not.
CREATE TABLE identity.students (
    id uuid PRIMARY KEY,
    school_code text NOT NULL,
    student_number text NOT NULL,
    cohort integer NOT NULL,
    name text NOT NULL,
    department text NOT NULL,
    class_name text NOT NULL,
    identity_blind bytea NOT NULL,
    identity_sealed bytea NOT NULL,
    -- The other fields that only the school may change: read and written whole, compared by digest.
    locked jsonb NOT NULL,
    locked_digest bytea NOT NULL,
    -- Who last changed a locked field since the student sent the record; may not review it.
    locked_changed_by uuid,
    origin_region text NOT NULL,
    -- The student's seven other own fields.
    own_sealed bytea NOT NULL,
    own_digest bytea NOT NULL,
    -- The eight own fields as the last roster file gave them, so that a reviewer sees what the student changed.
    roster_own_sealed bytea NOT NULL,
    roster_own_digest bytea NOT NULL,
    origin_state text NOT NULL DEFAULT 'UNCONFIRMED',
    origin_version integer NOT NULL DEFAULT 0,
    origin_flagged boolean NOT NULL DEFAULT false,
    changed_since_review boolean NOT NULL DEFAULT false,
    return_reason_code text NOT NULL DEFAULT '',
    return_reason text NOT NULL DEFAULT '',
    return_fields text[] NOT NULL DEFAULT '{}',
    submit_time timestamptz,
    review_time timestamptz,
    version integer NOT NULL DEFAULT 1,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    CONSTRAINT students_number UNIQUE (school_code, student_number),
    CONSTRAINT students_origin_state CHECK (origin_state IN ('UNCONFIRMED', 'SUBMITTED', 'DEPARTMENT_PASSED', 'RETURNED', 'APPROVED')),
    CONSTRAINT students_sent CHECK (origin_state = 'UNCONFIRMED' OR (origin_version > 0 AND submit_time IS NOT NULL)),
    CONSTRAINT students_reason CHECK (origin_state <> 'RETURNED' OR return_reason <> '')
);
CREATE INDEX students_department ON identity.students (school_code, department, student_number);
CREATE INDEX students_name ON identity.students (school_code, name text_pattern_ops);
CREATE INDEX students_number_prefix ON identity.students (school_code, student_number text_pattern_ops);
CREATE INDEX students_identity ON identity.students (school_code, identity_blind);
CREATE INDEX students_reviews ON identity.students (school_code, submit_time, id)
    WHERE origin_state IN ('SUBMITTED', 'DEPARTMENT_PASSED');

-- What a student sent for review, version by version.
CREATE TABLE identity.origin_submissions (
    student_id uuid NOT NULL REFERENCES identity.students (id),
    version integer NOT NULL,
    state text NOT NULL,
    -- The own fields and the flagged issues as they were sent.
    content_sealed bytea NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    PRIMARY KEY (student_id, version),
    CONSTRAINT origin_submissions_state CHECK (state IN ('OPEN', 'SUPERSEDED', 'APPROVED', 'RETURNED'))
);
CREATE UNIQUE INDEX origin_submissions_open ON identity.origin_submissions (student_id) WHERE state = 'OPEN';

-- Every step of a record, each hashed over the one before.
CREATE TABLE identity.origin_history (
    student_id uuid NOT NULL REFERENCES identity.students (id),
    sequence integer NOT NULL,
    event text NOT NULL,
    from_state text NOT NULL,
    to_state text NOT NULL,
    submission_version integer NOT NULL,
    actor_id uuid,
    actor_role text NOT NULL,
    actor_name text NOT NULL,
    address text NOT NULL,
    client text NOT NULL,
    reason_code text NOT NULL,
    reason text NOT NULL,
    before_hash bytea NOT NULL,
    after_hash bytea NOT NULL,
    hash bytea NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (student_id, sequence)
);

-- When students of a school and cohort may send their records; no row means always.
CREATE TABLE identity.origin_windows (
    school_code text NOT NULL,
    cohort integer NOT NULL,
    open_time timestamptz NOT NULL,
    close_time timestamptz NOT NULL,
    PRIMARY KEY (school_code, cohort),
    CONSTRAINT origin_windows_order CHECK (open_time < close_time)
);

-- Whether a student has an agreement in force, as contracts' messages tell: such a record cannot be reopened.
CREATE TABLE identity.agreement_holds (
    agreement_id uuid PRIMARY KEY,
    student_id uuid NOT NULL,
    held boolean NOT NULL,
    agreement_version integer NOT NULL,
    update_time timestamptz NOT NULL
);
CREATE INDEX agreement_holds_student ON identity.agreement_holds (student_id) WHERE held;

-- Imports and dry runs; the task takes them from here, so that they survive a restart.
CREATE TABLE identity.roster_imports (
    id uuid PRIMARY KEY,
    school_code text NOT NULL,
    account_id uuid NOT NULL,
    actor_name text NOT NULL,
    address text NOT NULL,
    client text NOT NULL,
    file_id uuid NOT NULL,
    file_sha256 text NOT NULL DEFAULT '',
    dry_run boolean NOT NULL,
    cohort integer NOT NULL,
    state text NOT NULL DEFAULT 'PENDING',
    -- Who works on it; a worker that lost it cannot finish it.
    worker uuid,
    attempts integer NOT NULL DEFAULT 0,
    heartbeat_time timestamptz,
    progress bigint NOT NULL DEFAULT 0,
    total bigint NOT NULL DEFAULT 0,
    row_count integer NOT NULL DEFAULT 0,
    inserted integer NOT NULL DEFAULT 0,
    updated integer NOT NULL DEFAULT 0,
    unchanged integer NOT NULL DEFAULT 0,
    error_count integer NOT NULL DEFAULT 0,
    warning_count integer NOT NULL DEFAULT 0,
    unknown_columns text[] NOT NULL DEFAULT '{}',
    error text NOT NULL DEFAULT '',
    error_code text NOT NULL DEFAULT '',
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    end_time timestamptz,
    CONSTRAINT roster_imports_state CHECK (state IN ('PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED')),
    CONSTRAINT roster_imports_end CHECK ((end_time IS NULL) = (state IN ('PENDING', 'RUNNING')))
);
CREATE UNIQUE INDEX roster_imports_one ON identity.roster_imports (school_code) WHERE state IN ('PENDING', 'RUNNING');
CREATE INDEX roster_imports_list ON identity.roster_imports (school_code, id DESC);

-- What an import found wrong. Values are masked before they come here.
CREATE TABLE identity.roster_import_errors (
    import_id uuid NOT NULL REFERENCES identity.roster_imports (id) ON DELETE CASCADE,
    position integer NOT NULL,
    file_row integer NOT NULL,
    column_name text NOT NULL,
    value text NOT NULL,
    severity text NOT NULL,
    message text NOT NULL,
    PRIMARY KEY (import_id, position),
    CONSTRAINT roster_import_errors_severity CHECK (severity IN ('ERROR', 'WARNING'))
);

-- What an import changes, the first thousand students. Values are masked before they come here.
CREATE TABLE identity.roster_import_changes (
    import_id uuid NOT NULL REFERENCES identity.roster_imports (id) ON DELETE CASCADE,
    file_row integer NOT NULL,
    student_number text NOT NULL,
    name_masked text NOT NULL,
    inserted boolean NOT NULL,
    fields jsonb NOT NULL,
    PRIMARY KEY (import_id, file_row)
);

-- Rows on their way in; empty save inside the transaction of an import, so it need not be logged.
CREATE UNLOGGED TABLE identity.roster_staging (
    import_id uuid NOT NULL,
    id uuid NOT NULL,
    school_code text NOT NULL,
    student_number text NOT NULL,
    cohort integer NOT NULL,
    name text NOT NULL,
    department text NOT NULL,
    class_name text NOT NULL,
    identity_blind bytea NOT NULL,
    identity_sealed bytea NOT NULL,
    locked jsonb NOT NULL,
    locked_digest bytea NOT NULL,
    origin_region text NOT NULL,
    own_sealed bytea NOT NULL,
    own_digest bytea NOT NULL,
    roster_own_sealed bytea NOT NULL
);
