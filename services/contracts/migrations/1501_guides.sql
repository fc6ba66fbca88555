-- The guide: pages whose versions are never changed. The published one is what people see.
CREATE TABLE contracts.guides (
    slug text PRIMARY KEY CHECK (slug ~ '^[a-z][a-z0-9-]{1,39}$'),
    -- Newest version, and the one that is published.
    latest integer NOT NULL CHECK (latest > 0),
    published integer CHECK (published <= latest),
    version integer NOT NULL DEFAULT 1,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL
);

CREATE TABLE contracts.guide_versions (
    slug text NOT NULL REFERENCES contracts.guides (slug),
    number integer NOT NULL CHECK (number > 0),
    title text NOT NULL,
    position integer NOT NULL,
    -- Objects with title and body, in order.
    sections jsonb NOT NULL,
    -- Nobody for what came with the service.
    actor_id uuid,
    actor_name text NOT NULL,
    address text NOT NULL,
    client text NOT NULL,
    -- Over this version and the one before.
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    create_time timestamptz NOT NULL,
    publish_time timestamptz,
    publisher_id uuid,
    publisher_name text NOT NULL DEFAULT '',
    PRIMARY KEY (slug, number)
);
