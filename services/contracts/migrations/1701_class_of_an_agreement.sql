-- The student's class beside the department: staff may be limited to some of a department's classes. Agreements from before
-- have it from the queue, where they were in it, or with the student's next signature; until then only staff of the whole
-- department see them.
ALTER TABLE contracts.agreements ADD COLUMN class_name text NOT NULL DEFAULT '';
UPDATE contracts.agreements AS a SET class_name = r.class_name
FROM contracts.reviews AS r
WHERE r.kind = 'AGREEMENT' AND r.record_id = a.id;
