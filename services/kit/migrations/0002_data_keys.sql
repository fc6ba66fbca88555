-- Keys that seal this service's personal data, each sealed under a master key of the settings.
CREATE TABLE data_keys (
    id text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{12}$'),
    wrapped bytea NOT NULL,
    -- Seals from then on: late enough that every replica has read it before one seals with it.
    activate_time timestamptz NOT NULL,
    -- When every value was found to be sealed with this key.
    complete_time timestamptz,
    create_time timestamptz NOT NULL DEFAULT now()
);
