-- Schools, accounts and what signs them in.

-- Schools of the province; the codes come with the binary, the office's own words are the school's to change.
CREATE TABLE identity.schools (
    code text PRIMARY KEY CHECK (code ~ '^[0-9]{10}$'),
    name text NOT NULL,
    region_code text NOT NULL,
    short_code text NOT NULL,
    level text NOT NULL,
    run_by text NOT NULL,
    office_name text NOT NULL DEFAULT '',
    office_contact text NOT NULL DEFAULT '',
    office_phone text NOT NULL DEFAULT '',
    address text NOT NULL DEFAULT '',
    postcode text NOT NULL DEFAULT '',
    -- 1: the school reviews; 2: the department first.
    review_levels integer NOT NULL DEFAULT 1,
    version integer NOT NULL DEFAULT 1,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    CONSTRAINT schools_review_levels CHECK (review_levels IN (1, 2))
);

-- Everybody who can sign in. One person may have several, one a role.
CREATE TABLE identity.accounts (
    id uuid PRIMARY KEY,
    role text NOT NULL,
    state text NOT NULL,
    student_id uuid,
    employer_id uuid,
    -- Staff's scope: the school, and within it the department.
    school_code text REFERENCES identity.schools (code),
    department text,
    -- Staff sign in with this, lower case.
    login text,
    -- Empty for students: theirs is in the roster.
    name text NOT NULL DEFAULT '',
    mobile_sealed bytea,
    mobile_blind bytea,
    email_sealed bytea,
    email_blind bytea,
    -- Argon2id in PHC form; none until the activation.
    password_hash text,
    disable_reason text NOT NULL DEFAULT '',
    last_login_time timestamptz,
    version integer NOT NULL DEFAULT 1,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    CONSTRAINT accounts_role CHECK (role IN ('STUDENT', 'EMPLOYER', 'DEPARTMENT', 'SCHOOL', 'PROVINCE')),
    CONSTRAINT accounts_state CHECK (state IN ('PENDING', 'ACTIVE', 'DISABLED')),
    CONSTRAINT accounts_student CHECK ((role = 'STUDENT') = (student_id IS NOT NULL)),
    CONSTRAINT accounts_employer CHECK ((role = 'EMPLOYER') = (employer_id IS NOT NULL)),
    CONSTRAINT accounts_staff CHECK ((role IN ('DEPARTMENT', 'SCHOOL', 'PROVINCE')) = (login IS NOT NULL)),
    CONSTRAINT accounts_school CHECK ((role IN ('DEPARTMENT', 'SCHOOL')) = (school_code IS NOT NULL)),
    CONSTRAINT accounts_department CHECK ((role = 'DEPARTMENT') = (department IS NOT NULL)),
    CONSTRAINT accounts_password CHECK (state <> 'ACTIVE' OR password_hash IS NOT NULL)
);
CREATE UNIQUE INDEX accounts_one_a_student ON identity.accounts (student_id) WHERE student_id IS NOT NULL;
CREATE UNIQUE INDEX accounts_login ON identity.accounts (login) WHERE login IS NOT NULL;
-- Members of employers sign in with either; students may share a mobile with nobody's harm.
CREATE UNIQUE INDEX accounts_employer_mobile ON identity.accounts (mobile_blind) WHERE role = 'EMPLOYER';
CREATE UNIQUE INDEX accounts_employer_email ON identity.accounts (email_blind) WHERE role = 'EMPLOYER';
CREATE INDEX accounts_of_employer ON identity.accounts (employer_id) WHERE employer_id IS NOT NULL;
CREATE INDEX accounts_of_school ON identity.accounts (school_code, id) WHERE school_code IS NOT NULL;
CREATE INDEX accounts_of_staff ON identity.accounts (id) WHERE login IS NOT NULL;

-- Links that set a staff member's password, once. The newest of an account counts.
CREATE TABLE identity.staff_activations (
    account_id uuid PRIMARY KEY REFERENCES identity.accounts (id),
    -- SHA-256 of the token.
    token_hash bytea NOT NULL,
    created_by uuid NOT NULL,
    expire_time timestamptz NOT NULL,
    create_time timestamptz NOT NULL,
    CONSTRAINT staff_activations_token UNIQUE (token_hash)
);

-- Sign-ins that still count, and for some time those that do not.
CREATE TABLE identity.sessions (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES identity.accounts (id),
    client text NOT NULL,
    address text NOT NULL,
    amr text[] NOT NULL,
    -- When the password was given.
    auth_time timestamptz NOT NULL,
    refresh_time timestamptz NOT NULL,
    expire_time timestamptz NOT NULL,
    end_time timestamptz,
    end_reason text NOT NULL DEFAULT '',
    create_time timestamptz NOT NULL,
    CONSTRAINT sessions_end CHECK ((end_time IS NULL) = (end_reason = '')),
    CONSTRAINT sessions_end_reason CHECK (end_reason IN ('', 'LOGOUT', 'REVOKED', 'REUSED', 'PASSWORD', 'DISABLED', 'RESET'))
);
CREATE INDEX sessions_open ON identity.sessions (account_id, id) WHERE end_time IS NULL;
CREATE INDEX sessions_expiry ON identity.sessions (expire_time);

-- Each use of a refresh token makes its successor; a token that was used stays, so that its return is noticed.
CREATE TABLE identity.refresh_tokens (
    -- SHA-256 of the token.
    token_hash bytea PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES identity.sessions (id) ON DELETE CASCADE,
    generation integer NOT NULL,
    expire_time timestamptz NOT NULL,
    use_time timestamptz,
    -- The request that used it: the same one may have its answer again for a few seconds.
    use_request_id text NOT NULL DEFAULT '',
    create_time timestamptz NOT NULL,
    CONSTRAINT refresh_tokens_generation UNIQUE (session_id, generation)
);

-- Keys that sign access tokens. The private half is sealed.
CREATE TABLE identity.signing_keys (
    id text PRIMARY KEY,
    state text NOT NULL,
    public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),
    private_sealed bytea NOT NULL,
    create_time timestamptz NOT NULL,
    activate_time timestamptz,
    retire_time timestamptz,
    CONSTRAINT signing_keys_state CHECK (state IN ('NEXT', 'ACTIVE', 'RETIRED')),
    CONSTRAINT signing_keys_times CHECK ((activate_time IS NOT NULL) = (state <> 'NEXT') AND (retire_time IS NOT NULL) = (state = 'RETIRED'))
);
CREATE UNIQUE INDEX signing_keys_one_active ON identity.signing_keys (state) WHERE state <> 'RETIRED';

-- How often signing in failed, by what was tried (a keyed hash), whether such an account exists or not.
CREATE TABLE identity.login_throttles (
    subject bytea PRIMARY KEY,
    failures integer NOT NULL,
    window_start timestamptz NOT NULL,
    window_failures integer NOT NULL,
    locks integer NOT NULL,
    last_failure_time timestamptz NOT NULL,
    -- Not before.
    next_time timestamptz NOT NULL,
    locked boolean NOT NULL
);
CREATE INDEX login_throttles_age ON identity.login_throttles (last_failure_time);

-- Single events that are limited by number and time: failed registrations, look-ups, failed sign-ins of an address.
CREATE TABLE identity.limited_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bucket text NOT NULL,
    -- A keyed hash of the address or the person.
    subject bytea NOT NULL,
    create_time timestamptz NOT NULL
);
CREATE INDEX limited_events_count ON identity.limited_events (bucket, subject, create_time);
CREATE INDEX limited_events_age ON identity.limited_events (create_time);

-- Registrations that did not match the roster: the school's staff can see in what.
CREATE TABLE identity.registration_cases (
    case_number text PRIMARY KEY,
    school_code text NOT NULL,
    -- What was typed as the student number, sealed.
    student_number_sealed bytea NOT NULL,
    number_known boolean NOT NULL,
    name_matches boolean NOT NULL,
    identity_matches boolean NOT NULL,
    create_time timestamptz NOT NULL
);
CREATE INDEX registration_cases_age ON identity.registration_cases (create_time);

-- Sign-ins, look-ups and changes of accounts. No names, numbers or contents.
CREATE TABLE identity.audit_events (
    id uuid PRIMARY KEY,
    event text NOT NULL,
    outcome text NOT NULL,
    account_id uuid,
    actor_id uuid,
    student_id uuid,
    school_code text,
    address text NOT NULL,
    client text NOT NULL,
    create_time timestamptz NOT NULL,
    CONSTRAINT audit_events_outcome CHECK (outcome IN ('DONE', 'REFUSED'))
);
CREATE INDEX audit_events_account ON identity.audit_events (account_id, create_time);
CREATE INDEX audit_events_time ON identity.audit_events (create_time);
