-- What an approved employer wants to change, or to have confirmed for another year, while the old stands.
ALTER TABLE identity.employers
    ADD COLUMN revision jsonb,
    -- The last reminder before the expiry, in days before it; none before the first.
    ADD COLUMN reminded_days integer,
    ADD CONSTRAINT employers_revision CHECK (revision IS NULL OR state IN ('APPROVED', 'EXPIRED'));
CREATE INDEX employers_revisions ON identity.employers (submit_time, id) WHERE revision IS NOT NULL;
