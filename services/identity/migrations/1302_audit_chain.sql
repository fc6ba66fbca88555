-- The audit as one append-only chain: a task gives each committed event the next number and a hash over itself and the
-- event before.
ALTER TABLE identity.audit_events
    ADD COLUMN sequence bigint,
    ADD COLUMN hash bytea,
    ADD CONSTRAINT audit_events_link CHECK ((sequence IS NULL) = (hash IS NULL));
CREATE UNIQUE INDEX audit_events_sequence ON identity.audit_events (sequence) WHERE sequence IS NOT NULL;
CREATE INDEX audit_events_unlinked ON identity.audit_events (id) WHERE sequence IS NULL;
CREATE INDEX audit_events_actor ON identity.audit_events (actor_id, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_events_student ON identity.audit_events (student_id, id) WHERE student_id IS NOT NULL;

-- Both ends of the chain.
CREATE TABLE identity.audit_chain (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    -- The last link.
    head_sequence bigint NOT NULL DEFAULT 0,
    head_hash bytea NOT NULL DEFAULT '',
    -- The last link that was deleted when its time was over: the rest continues from here.
    purged_sequence bigint NOT NULL DEFAULT 0,
    purged_hash bytea NOT NULL DEFAULT '',
    CONSTRAINT audit_chain_ends CHECK (purged_sequence BETWEEN 0 AND head_sequence)
);
INSERT INTO identity.audit_chain (only_row) VALUES (true);

-- Nobody changes or deletes an event: it is linked once, and goes when the chain's other end has passed it.
CREATE FUNCTION identity.audit_events_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.sequence IS NULL AND NEW.sequence IS NOT NULL
            AND to_jsonb(NEW) - 'sequence' - 'hash' = to_jsonb(OLD) - 'sequence' - 'hash' THEN
            RETURN NEW;
        END IF;
    ELSIF TG_OP = 'DELETE' THEN
        IF OLD.sequence <= (SELECT purged_sequence FROM identity.audit_chain) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'audit events are append-only' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER audit_events_stay BEFORE UPDATE OR DELETE ON identity.audit_events
    FOR EACH ROW EXECUTE FUNCTION identity.audit_events_stay();
CREATE TRIGGER audit_events_stay_all BEFORE TRUNCATE ON identity.audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION identity.audit_events_stay();
