-- Changes of code tables, laid over those of the binary. Never changed and never deleted: the last that has begun counts.
CREATE TABLE identity.dictionary_changes (
    id uuid PRIMARY KEY,
    dictionary text NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    parent text NOT NULL,
    attributes jsonb NOT NULL,
    -- Days in Asia/Shanghai, both within; no last day for an open end.
    valid_from date NOT NULL,
    valid_to date,
    actor_id uuid NOT NULL,
    actor_name text NOT NULL,
    address text NOT NULL,
    client text NOT NULL,
    -- Over this change and the one before of the same table.
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    create_time timestamptz NOT NULL,
    CONSTRAINT dictionary_changes_order CHECK (valid_from <= valid_to)
);
CREATE INDEX dictionary_changes_list ON identity.dictionary_changes (dictionary, id DESC);
CREATE INDEX students_origin_region ON identity.students (origin_region);
