-- Wishes to have an account erased, and accounts that were.
CREATE TABLE identity.erasures (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES identity.accounts (id),
    state text NOT NULL,
    due_time timestamptz NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    CONSTRAINT erasures_state CHECK (state IN ('WAITING', 'WITHDRAWN', 'DONE'))
);
CREATE UNIQUE INDEX erasures_one_waiting ON identity.erasures (account_id) WHERE state = 'WAITING';
CREATE INDEX erasures_due ON identity.erasures (due_time) WHERE state = 'WAITING';
CREATE INDEX erasures_of_account ON identity.erasures (account_id, id DESC);

-- What is left of an erased account is its number, for the audit. The student may register anew.
ALTER TABLE identity.accounts
    DROP CONSTRAINT accounts_state,
    DROP CONSTRAINT accounts_student,
    DROP CONSTRAINT accounts_employer,
    ADD CONSTRAINT accounts_state CHECK (state IN ('PENDING', 'ACTIVE', 'DISABLED', 'ERASED')),
    ADD CONSTRAINT accounts_student CHECK ((role = 'STUDENT' AND state <> 'ERASED') = (student_id IS NOT NULL)),
    ADD CONSTRAINT accounts_employer CHECK ((role = 'EMPLOYER' AND state <> 'ERASED') = (employer_id IS NOT NULL)),
    ADD CONSTRAINT accounts_erased CHECK (
        state <> 'ERASED'
        OR (name = '' AND password_hash IS NULL AND mobile_sealed IS NULL AND mobile_blind IS NULL
            AND email_sealed IS NULL AND email_blind IS NULL)
    );
