-- One acceptance, statement by statement as identity and contracts send them, by a client of pgbench on the next clone of
-- its own. Values that a program computes come from rows that a real acceptance left, see accept_clones.sql.
\set done :done + 1
\set clone :before + :client_id * :of_client + :done

-- contracts: has this request been answered? (kit's idempotency)
SELECT request_hash, response FROM contracts.idempotency_keys
WHERE caller = bench.id(:clone) AND method = 'AcceptOffer' AND request_id = bench.id(:clone);

-- identity: the student (DirectoryService.BatchGetStudents)
SELECT s.id, s.school_code, s.student_number, s.cohort, s.name, s.department, s.class_name, s.identity_sealed, s.locked,
       s.origin_region, s.own_sealed, s.origin_state, s.submit_time, s.review_time,
       EXISTS (SELECT 1 FROM identity.schools o WHERE o.code = s.school_code AND o.review_levels = 2),
       EXISTS (SELECT 1 FROM identity.accounts a WHERE a.student_id = s.id AND a.state <> 'DISABLED'),
       ARRAY(SELECT f.employer_id FROM identity.employer_freezes f
             WHERE f.school_code = s.school_code AND f.lift_time IS NULL AND f.until_time > identity.kit_now()),
       p.open_day, p.close_day, w.open_day, w.close_day
FROM identity.students s
LEFT JOIN identity.calendar_windows p ON p.cohort = s.cohort AND p.kind = 'SIGNING' AND p.school_code = ''
LEFT JOIN identity.calendar_windows w ON w.cohort = s.cohort AND w.kind = 'SIGNING' AND w.school_code = s.school_code
WHERE s.id = ANY (ARRAY[bench.id(:clone)]);

BEGIN;

-- The request is claimed (kit's idempotency).
INSERT INTO contracts.idempotency_keys (caller, method, request_id, request_hash)
SELECT bench.id(:clone), method, bench.id(:clone), request_hash FROM bench.answer
ON CONFLICT DO NOTHING;

-- The agreement is locked, then read (agreements::lock).
SELECT id FROM contracts.agreements WHERE id = bench.id(:clone) FOR UPDATE;
SELECT a.id, a.version, a.state, a.student_id, a.employer_id, a.school_code, a.department, a.class_name, a.cohort, a.levels,
       a.revision, a.last_revision, a.signed_revision, a.opened_revision, a.expire_time, a.amend_deadline,
       a.department_passed, a.claim_account, a.claim_until, a.cancel_by, a.cancel_until, a.cancel_reason,
       a.student_sealed, a.employer, a.school, a.archive, a.household, a.serial, a.verify_code, a.file_id,
       a.document_sha256, a.reason, a.reason_code, a.reason_fields, a.template, a.supersedes_id, a.uncounted,
       a.effective_time, a.waiting_since, a.create_time, a.update_time,
       (r.terms ->> 'accepts_archive')::boolean, (r.terms ->> 'accepts_household')::boolean
FROM contracts.agreements AS a
JOIN contracts.revisions AS r ON r.agreement_id = a.id AND r.number = a.revision
WHERE a.id = bench.id(:clone) AND a.student_id = bench.id(:clone) AND a.state <> 'DRAFT';

-- What was read, and since when (reads::find).
SELECT revision, create_time FROM contracts.read_tokens
WHERE id = bench.id(:clone) AND agreement_id = bench.id(:clone) AND student_id = bench.id(:clone);

-- Whether the calendar lets the student sign (db::now).
SELECT contracts.kit_now();

-- The student's one slot is locked (slots::lock).
INSERT INTO contracts.destination_slots AS slot (student_id, cohort, state)
SELECT bench.id(:clone), cohort, 'FREE' FROM bench.slot
ON CONFLICT (student_id, cohort) DO UPDATE SET state = slot.state
RETURNING state, kind, record_id, was_held;

-- The time of the decision, after the locks (db::now).
SELECT contracts.kit_now();

-- The slot is reserved (slots::save).
UPDATE contracts.destination_slots AS slot
SET state = b.state, kind = b.kind, record_id = bench.id(:clone), was_held = b.was_held, update_time = now()
FROM bench.slot AS b WHERE slot.student_id = bench.id(:clone) AND slot.cohort = b.cohort;

-- The student's signature (revisions::sign).
INSERT INTO contracts.signatures (agreement_id, revision, party, account_id, signer, hash, address, client, create_time)
SELECT r.agreement_id, r.number, b.party, b.account_id, b.signer, r.hash, b.address, b.client, now()
FROM contracts.revisions AS r, bench.signature AS b WHERE r.agreement_id = bench.id(:clone) AND r.number = b.revision
ON CONFLICT (agreement_id, revision, party) DO NOTHING;

-- The agreement (agreements::save).
UPDATE contracts.agreements AS a SET
    version = a.version + 1, state = b.state, revision = b.revision, last_revision = b.last_revision,
    signed_revision = b.signed_revision, opened_revision = b.opened_revision, expire_time = b.expire_time,
    amend_deadline = b.amend_deadline, department_passed = b.department_passed, claim_account = b.claim_account,
    claim_until = b.claim_until, cancel_by = b.cancel_by, cancel_until = b.cancel_until, cancel_reason = b.cancel_reason,
    student_sealed = b.student_sealed, employer = b.employer, archive = b.archive, household = b.household,
    serial = bench.id(:clone)::text, verify_code = b.verify_code, reason = b.reason, effective_time = b.effective_time,
    waiting_since = now(), update_time = now(), uncounted = b.uncounted, reason_code = b.reason_code,
    reason_fields = b.reason_fields, department = b.department, class_name = b.class_name,
    send_time = CASE WHEN b.state = 'PENDING_STUDENT' THEN coalesce(a.send_time, now()) ELSE a.send_time END
FROM bench.agreement AS b WHERE a.id = bench.id(:clone);

-- The step in the history, on the one before (history::append).
SELECT sequence, hash FROM contracts.history WHERE agreement_id = bench.id(:clone) ORDER BY sequence DESC LIMIT 1;
INSERT INTO contracts.history (agreement_id, sequence, event, from_state, to_state, revision, actor_role, actor_id,
    actor_name, address, client, reason, create_time, hash)
SELECT bench.id(:clone), sequence, event, from_state, to_state, revision, actor_role, bench.id(:clone),
    actor_name, address, client, reason, now(), hash FROM bench.step;

-- The school's queue: the terms that it hints at, and the row (queue::follow).
SELECT terms FROM contracts.revisions WHERE agreement_id = bench.id(:clone) AND number = 1;
INSERT INTO contracts.reviews AS r
    (id, kind, record_id, version, submission, waiting, school_code, department, class_name, student_id, cohort,
     level, since, due_time, plain, barred)
SELECT gen_random_uuid(), kind, bench.id(:clone), version, submission, waiting, school_code, department, class_name,
    bench.id(:clone), cohort, level, now(), due_time, plain, barred FROM bench.review
ON CONFLICT (kind, record_id) DO UPDATE
SET version = excluded.version, submission = excluded.submission, waiting = excluded.waiting,
    school_code = excluded.school_code, department = excluded.department, class_name = excluded.class_name,
    student_id = excluded.student_id, cohort = excluded.cohort, level = excluded.level, since = excluded.since,
    due_time = excluded.due_time, plain = excluded.plain, barred = excluded.barred, update_time = now(),
    claim_account = CASE WHEN excluded.waiting AND r.level = excluded.level THEN r.claim_account END,
    claim_until = CASE WHEN excluded.waiting AND r.level = excluded.level THEN r.claim_until END
WHERE r.version < excluded.version;

-- The message to others (kit's outbox).
WITH written AS (
    INSERT INTO contracts.outbox (id, key, aggregate, payload, traceparent)
    SELECT gen_random_uuid(), key, bench.id(:clone), payload, traceparent FROM bench.message
)
SELECT pg_notify('qihang_outbox_contracts', '');

-- The answer: terms, slot and record (command::view), kept for a repeat (kit's idempotency).
SELECT terms FROM contracts.revisions WHERE agreement_id = bench.id(:clone) AND number = 1;
SELECT contracts.kit_now(), coalesce(origin.approved, false), slot.state, slot.kind, slot.record_id,
       coalesce(slot.was_held, false)
FROM (SELECT bench.id(:clone) AS student_id) AS student
LEFT JOIN contracts.origins AS origin USING (student_id)
LEFT JOIN LATERAL (SELECT state, kind, record_id, was_held FROM contracts.destination_slots
                   WHERE student_id = bench.id(:clone) ORDER BY cohort DESC LIMIT 1) AS slot ON true;
UPDATE contracts.idempotency_keys AS k SET response = b.response
FROM bench.answer AS b
WHERE k.caller = bench.id(:clone) AND k.method = 'AcceptOffer' AND k.request_id = bench.id(:clone);

COMMIT;
