-- Employers and their onboarding.
CREATE TABLE identity.employers (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    credit_code text NOT NULL,
    nature_code text NOT NULL DEFAULT '',
    industry_code text NOT NULL DEFAULT '',
    scale_code text NOT NULL DEFAULT '',
    region_code text NOT NULL DEFAULT '',
    address text NOT NULL DEFAULT '',
    postcode text NOT NULL DEFAULT '',
    legal_person text NOT NULL DEFAULT '',
    contact_name text NOT NULL DEFAULT '',
    contact_phone text NOT NULL DEFAULT '',
    contact_email text NOT NULL DEFAULT '',
    website text NOT NULL DEFAULT '',
    introduction text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT 'REGISTERED',
    submission_version integer NOT NULL DEFAULT 0,
    licence_file_id uuid,
    authorisation_file_id uuid,
    contact_identity_file_id uuid,
    review_reason_code text NOT NULL DEFAULT '',
    review_reason text NOT NULL DEFAULT '',
    review_fields text[] NOT NULL DEFAULT '{}',
    -- Who asked to restore a suspended employer; another must confirm.
    restore_asked_by uuid,
    submit_time timestamptz,
    review_time timestamptz,
    approval_expire_time timestamptz,
    version integer NOT NULL DEFAULT 1,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    CONSTRAINT employers_credit_code UNIQUE (credit_code),
    CONSTRAINT employers_state CHECK (state IN ('REGISTERED', 'PENDING_REVIEW', 'RETURNED', 'APPROVED', 'REJECTED', 'SUSPENDED', 'EXPIRED')),
    CONSTRAINT employers_papers CHECK (state = 'REGISTERED' OR (submission_version > 0 AND licence_file_id IS NOT NULL
        AND authorisation_file_id IS NOT NULL AND contact_identity_file_id IS NOT NULL)),
    CONSTRAINT employers_approval CHECK (state <> 'APPROVED' OR approval_expire_time IS NOT NULL)
);
CREATE INDEX employers_queue ON identity.employers (state, submit_time, id);
CREATE INDEX employers_expiry ON identity.employers (approval_expire_time) WHERE state = 'APPROVED';

-- The people of an employer. Their accounts are in identity.accounts.
CREATE TABLE identity.employer_members (
    account_id uuid PRIMARY KEY,
    employer_id uuid NOT NULL REFERENCES identity.employers (id),
    role text NOT NULL,
    state text NOT NULL DEFAULT 'ACTIVE',
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    CONSTRAINT employer_members_role CHECK (role IN ('ADMIN', 'HR', 'SIGNER')),
    CONSTRAINT employer_members_state CHECK (state IN ('INVITED', 'ACTIVE', 'REMOVED'))
);
CREATE INDEX employer_members_employer ON identity.employer_members (employer_id);

-- Every step of an employer's onboarding, each hashed over the one before.
CREATE TABLE identity.employer_history (
    employer_id uuid NOT NULL REFERENCES identity.employers (id),
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
    PRIMARY KEY (employer_id, sequence)
);
