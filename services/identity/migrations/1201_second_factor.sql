-- The second factor: one-time codes (RFC 6238), and codes for the day when the telephone is lost.

CREATE TABLE identity.second_factors (
    account_id uuid PRIMARY KEY REFERENCES identity.accounts (id) ON DELETE CASCADE,
    -- The secret that counts, sealed; none until the first code has come.
    secret_sealed bytea,
    -- A secret that was shown and waits for its first code, sealed.
    pending_sealed bytea,
    -- Step of the last code that was taken: that one and older ones do not count again.
    last_step bigint NOT NULL DEFAULT 0,
    confirm_time timestamptz,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    CONSTRAINT second_factors_some CHECK (secret_sealed IS NOT NULL OR pending_sealed IS NOT NULL),
    CONSTRAINT second_factors_confirmed CHECK ((secret_sealed IS NOT NULL) = (confirm_time IS NOT NULL))
);

-- A recovery code is deleted when it is used.
CREATE TABLE identity.recovery_codes (
    account_id uuid NOT NULL REFERENCES identity.second_factors (account_id) ON DELETE CASCADE,
    -- A keyed hash of account and code.
    code_hash bytea NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (account_id, code_hash)
);

ALTER TABLE identity.sessions DROP CONSTRAINT sessions_end_reason;
ALTER TABLE identity.sessions ADD CONSTRAINT sessions_end_reason
    CHECK (end_reason IN ('', 'LOGOUT', 'REVOKED', 'REUSED', 'PASSWORD', 'DISABLED', 'RESET', 'FACTOR'));
