-- Corrections of approved records (纠错).
CREATE TABLE identity.corrections (
    id uuid PRIMARY KEY,
    student_id uuid NOT NULL REFERENCES identity.students (id),
    state text NOT NULL DEFAULT 'SUBMITTED',
    -- Names of the fields; their values and the reason are in the sealed content.
    fields text[] NOT NULL,
    -- True when an identity key is among them.
    identity_keys boolean NOT NULL,
    content_sealed bytea NOT NULL,
    -- Who approved before the last approval; may not be who gives that.
    first_approver uuid,
    reject_reason_code text NOT NULL DEFAULT '',
    reject_reason text NOT NULL DEFAULT '',
    reject_fields text[] NOT NULL DEFAULT '{}',
    decide_time timestamptz,
    version integer NOT NULL DEFAULT 1,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    CONSTRAINT corrections_state CHECK (state IN ('SUBMITTED', 'DEPARTMENT_PASSED', 'FIRST_APPROVED', 'APPROVED', 'REJECTED', 'WITHDRAWN')),
    CONSTRAINT corrections_fields CHECK (cardinality(fields) BETWEEN 1 AND 35),
    CONSTRAINT corrections_reason CHECK ((state = 'REJECTED') = (reject_reason <> '')),
    CONSTRAINT corrections_decided CHECK ((state IN ('APPROVED', 'REJECTED', 'WITHDRAWN')) = (decide_time IS NOT NULL)),
    CONSTRAINT corrections_first CHECK (state NOT IN ('DEPARTMENT_PASSED', 'FIRST_APPROVED') OR first_approver IS NOT NULL),
    -- Two people for identity keys, whatever the code above thinks.
    CONSTRAINT corrections_two_people CHECK (NOT (identity_keys AND state = 'APPROVED') OR first_approver IS NOT NULL)
);
CREATE UNIQUE INDEX corrections_one_open ON identity.corrections (student_id)
    WHERE state IN ('SUBMITTED', 'DEPARTMENT_PASSED', 'FIRST_APPROVED');
CREATE INDEX corrections_of_student ON identity.corrections (student_id, id);

-- Why somebody looked at what is masked; empty where no reason is asked.
ALTER TABLE identity.audit_events ADD COLUMN reason text NOT NULL DEFAULT '';
