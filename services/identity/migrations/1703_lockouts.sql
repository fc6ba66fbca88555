-- Whose counter of failed sign-ins it is, where that account exists: who keeps the account sees that it is locked.
ALTER TABLE identity.login_throttles ADD COLUMN account_id uuid;
CREATE INDEX login_throttles_of_account ON identity.login_throttles (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX login_throttles_locked ON identity.login_throttles (account_id, next_time) WHERE locked AND account_id IS NOT NULL;
