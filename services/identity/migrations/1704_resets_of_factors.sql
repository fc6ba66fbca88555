-- A token for who has lost the authenticator with the password clears the second factor, too.
ALTER TABLE identity.password_resets ADD COLUMN clears_factor boolean NOT NULL DEFAULT false;
