-- kit's own tables, once in each service's schema (search_path), so that a message and its cause share a transaction.

-- Messages to publish. A row is written with the change it tells of, and published after the commit.
CREATE TABLE outbox (
    sequence     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           uuid NOT NULL UNIQUE,
    key          text NOT NULL CHECK (length(key) BETWEEN 3 AND 200),
    -- Order is kept among messages of one aggregate.
    aggregate    uuid NOT NULL,
    payload      bytea NOT NULL CHECK (octet_length(payload) <= 262144),
    -- W3C trace context of the request that caused it.
    traceparent  text NOT NULL DEFAULT '',
    attempts     integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- Not before; moves back after a failure.
    due_time     timestamptz NOT NULL DEFAULT now(),
    create_time  timestamptz NOT NULL DEFAULT now(),
    publish_time timestamptz
);
CREATE INDEX outbox_waiting ON outbox (aggregate, sequence) WHERE publish_time IS NULL;
CREATE INDEX outbox_waiting_sequence ON outbox (sequence) WHERE publish_time IS NULL;
CREATE INDEX outbox_published ON outbox (publish_time) WHERE publish_time IS NOT NULL;

-- Messages that a consumer has acted on: the effect and this row are one transaction, so each has its effect once.
CREATE TABLE inbox (
    consumer    text NOT NULL,
    message_id  uuid NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, message_id)
);
CREATE INDEX inbox_age ON inbox (create_time);

-- Messages that a consumer gave up on, whole, so that an operator can look and replay.
CREATE TABLE dead_letters (
    id           uuid PRIMARY KEY,
    consumer     text NOT NULL,
    message_id   uuid NOT NULL,
    key          text NOT NULL,
    aggregate    text NOT NULL,
    payload      bytea NOT NULL,
    traceparent  text NOT NULL DEFAULT '',
    message_time timestamptz NOT NULL,
    attempts     integer NOT NULL CHECK (attempts > 0),
    error        text NOT NULL,
    create_time  timestamptz NOT NULL DEFAULT now(),
    replay_time  timestamptz,
    UNIQUE (consumer, message_id)
);

-- First answers by request_id, so that a repeated command gets the same answer and acts once.
CREATE TABLE idempotency_keys (
    caller       uuid NOT NULL,
    method       text NOT NULL,
    request_id   uuid NOT NULL,
    request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32),
    -- NULL only inside the transaction that makes the answer.
    response     bytea,
    create_time  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (caller, method, request_id)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (create_time);

-- Deadlines are compared with the database's clock through kit_now(). The offset is zero but in tests, which move time.
CREATE TABLE kit_clock (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    -- A fixed instant instead of the clock; tests only.
    fixed    timestamptz
);
INSERT INTO kit_clock (only_row) VALUES (true);

-- It looks in the schema that it was made in, whatever the caller's search_path is.
-- Bound to this schema's kit_clock when it is made, whatever the caller's search path is.
CREATE FUNCTION kit_now() RETURNS timestamptz LANGUAGE sql STABLE
    RETURN coalesce((SELECT fixed FROM kit_clock), statement_timestamp());
