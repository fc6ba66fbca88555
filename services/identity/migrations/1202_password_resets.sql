-- Tokens with which people who forgot their password set a new one, once. The newest of an account counts.
CREATE TABLE identity.password_resets (
    account_id uuid PRIMARY KEY REFERENCES identity.accounts (id) ON DELETE CASCADE,
    -- A keyed hash of account and token.
    token_hash bytea NOT NULL,
    created_by uuid NOT NULL,
    expire_time timestamptz NOT NULL,
    create_time timestamptz NOT NULL
);
CREATE INDEX password_resets_expiry ON identity.password_resets (expire_time);
