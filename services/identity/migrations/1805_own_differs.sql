-- Whether what the student says differs from what the roster says: kept, since both are sealed. What the roster leaves out is
-- no difference, which the digests of the whole cannot tell.
ALTER TABLE identity.students ADD COLUMN own_differs boolean NOT NULL DEFAULT false;
UPDATE identity.students SET own_differs = true WHERE own_digest <> roster_own_digest;
