-- Organisations that are not admitted, kept by the province.
CREATE TABLE identity.blacklist (
    id uuid PRIMARY KEY,
    credit_code text NOT NULL,
    name text NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    actor_id uuid NOT NULL,
    actor_name text NOT NULL,
    create_time timestamptz NOT NULL,
    remove_reason text NOT NULL DEFAULT '',
    remove_time timestamptz,
    CONSTRAINT blacklist_removed CHECK ((remove_time IS NULL) = (remove_reason = ''))
);
CREATE UNIQUE INDEX blacklist_one_a_code ON identity.blacklist (credit_code) WHERE remove_time IS NULL;

-- A school keeps an employer from its students for three days, until the province has decided.
CREATE TABLE identity.employer_freezes (
    id uuid PRIMARY KEY,
    employer_id uuid NOT NULL REFERENCES identity.employers (id),
    school_code text NOT NULL REFERENCES identity.schools (code),
    reason text NOT NULL CHECK (reason <> ''),
    actor_id uuid NOT NULL,
    actor_name text NOT NULL,
    create_time timestamptz NOT NULL,
    -- Ends by itself, whether or not anybody writes that down.
    until_time timestamptz NOT NULL,
    lift_time timestamptz
);
CREATE UNIQUE INDEX employer_freezes_one ON identity.employer_freezes (employer_id, school_code) WHERE lift_time IS NULL;
CREATE INDEX employer_freezes_of_school ON identity.employer_freezes (school_code, id DESC);
