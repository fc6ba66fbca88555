-- Members of employers: invited, asking to be let in, active, removed.
ALTER TABLE identity.employer_members
    DROP CONSTRAINT employer_members_state,
    ADD CONSTRAINT employer_members_state CHECK (state IN ('INVITED', 'REQUESTED', 'ACTIVE', 'REMOVED')),
    -- What who asks says to the administrators.
    ADD COLUMN message text NOT NULL DEFAULT '',
    ADD COLUMN remove_reason text NOT NULL DEFAULT '',
    ADD COLUMN version integer NOT NULL DEFAULT 1;
CREATE INDEX employer_members_requests ON identity.employer_members (create_time) WHERE state = 'REQUESTED';

-- Who was removed may be a member elsewhere, with the same mobile and e-mail.
DROP INDEX identity.accounts_employer_mobile;
DROP INDEX identity.accounts_employer_email;
CREATE UNIQUE INDEX accounts_employer_mobile ON identity.accounts (mobile_blind) WHERE role = 'EMPLOYER' AND state <> 'DISABLED';
CREATE UNIQUE INDEX accounts_employer_email ON identity.accounts (email_blind) WHERE role = 'EMPLOYER' AND state <> 'DISABLED';
