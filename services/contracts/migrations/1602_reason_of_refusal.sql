-- Why the school refused, as the dictionary has it, and the fields that it is about.
ALTER TABLE contracts.agreements
    ADD COLUMN reason_code text NOT NULL DEFAULT '' CHECK (reason_code ~ '^[A-Z0-9_]{0,32}$'),
    ADD COLUMN reason_fields text[] NOT NULL DEFAULT '{}' CHECK (cardinality(reason_fields) <= 20);
