-- Fills the copy of the database for accept.sql: clones of an agreement that waits for its student, and what an acceptance
-- leaves, from one that was accepted. The variables are `open`, `accepted` and `clones`.

CREATE SCHEMA bench;

-- The id of a clone, in every table.
CREATE FUNCTION bench.id(clone bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
    RETURN lpad(to_hex(clone), 32, '0')::uuid;

-- One row each: the values that an acceptance writes.
CREATE TABLE bench.agreement AS SELECT * FROM contracts.agreements WHERE id = :'accepted';
CREATE TABLE bench.slot AS SELECT * FROM contracts.destination_slots WHERE record_id = :'accepted';
CREATE TABLE bench.signature AS SELECT * FROM contracts.signatures WHERE agreement_id = :'accepted' AND party = 'STUDENT';
CREATE TABLE bench.step AS SELECT * FROM contracts.history WHERE agreement_id = :'accepted' AND event = 'accept';
CREATE TABLE bench.review AS SELECT * FROM contracts.reviews WHERE kind = 'AGREEMENT' AND record_id = :'accepted';
CREATE TABLE bench.message AS
    SELECT * FROM contracts.outbox WHERE aggregate = :'accepted' AND key = 'contracts.agreement.accepted.v1';
CREATE TABLE bench.answer AS
    SELECT k.* FROM contracts.idempotency_keys k JOIN bench.step s ON k.caller = s.actor_id WHERE k.method = 'AcceptOffer';

-- The agreement that is cloned, and the clones.
CREATE TABLE bench.clones AS
    SELECT a.id AS from_agreement, a.student_id AS from_student, clone, bench.id(clone) AS id
    FROM contracts.agreements a, generate_series(1, :clones) AS clone WHERE a.id = :'open';

INSERT INTO identity.students
SELECT new.* FROM bench.clones c JOIN identity.students s ON s.id = c.from_student,
    jsonb_populate_record(s, jsonb_build_object('id', c.id, 'student_number', 'clone' || c.clone)) AS new;
INSERT INTO identity.accounts
SELECT new.* FROM bench.clones c JOIN identity.accounts a ON a.student_id = c.from_student,
    jsonb_populate_record(a, jsonb_build_object('id', c.id, 'student_id', c.id)) AS new;
INSERT INTO contracts.origins
SELECT new.* FROM bench.clones c JOIN contracts.origins o ON o.student_id = c.from_student,
    jsonb_populate_record(o, jsonb_build_object('student_id', c.id)) AS new;
INSERT INTO contracts.agreements
SELECT new.* FROM bench.clones c JOIN contracts.agreements a ON a.id = c.from_agreement,
    jsonb_populate_record(a, jsonb_build_object('id', c.id, 'student_id', c.id)) AS new;
INSERT INTO contracts.revisions
SELECT new.* FROM bench.clones c JOIN contracts.revisions r ON r.agreement_id = c.from_agreement,
    jsonb_populate_record(r, jsonb_build_object('agreement_id', c.id)) AS new;
INSERT INTO contracts.signatures
SELECT new.* FROM bench.clones c JOIN contracts.signatures s ON s.agreement_id = c.from_agreement,
    jsonb_populate_record(s, jsonb_build_object('agreement_id', c.id)) AS new;
INSERT INTO contracts.history
SELECT new.* FROM bench.clones c JOIN contracts.history h ON h.agreement_id = c.from_agreement,
    jsonb_populate_record(h, jsonb_build_object('agreement_id', c.id)) AS new;
INSERT INTO contracts.read_tokens
SELECT new.* FROM bench.clones c JOIN contracts.read_tokens t ON t.agreement_id = c.from_agreement,
    jsonb_populate_record(t, jsonb_build_object('id', c.id, 'agreement_id', c.id, 'student_id', c.id)) AS new;

ANALYZE;
