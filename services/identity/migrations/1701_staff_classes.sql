-- Staff of a department may be limited to some of its classes (班级); none means all of them.
ALTER TABLE identity.accounts
    ADD COLUMN classes text[] NOT NULL DEFAULT '{}',
    -- Until when somebody who is none any more was an administrator of the province: for some days they still count as the
    -- second person, so that nobody becomes the only one by disabling or lowering the others.
    ADD COLUMN administrator_until timestamptz,
    ADD CONSTRAINT accounts_classes CHECK (cardinality(classes) = 0 OR (role = 'DEPARTMENT' AND cardinality(classes) <= 50));
CREATE INDEX accounts_administrators ON identity.accounts (id) WHERE role = 'PROVINCE';
CREATE INDEX accounts_administrators_once ON identity.accounts (administrator_until) WHERE administrator_until IS NOT NULL;

ALTER TABLE identity.sessions DROP CONSTRAINT sessions_end_reason;
ALTER TABLE identity.sessions ADD CONSTRAINT sessions_end_reason
    CHECK (end_reason IN ('', 'LOGOUT', 'REVOKED', 'REUSED', 'PASSWORD', 'DISABLED', 'RESET', 'FACTOR', 'SCOPE'));
