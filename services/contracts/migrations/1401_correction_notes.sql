-- What was corrected in a student's record after they had signed (R-14): the agreement itself never changes.
CREATE TABLE contracts.correction_notes (
    agreement_id  uuid NOT NULL REFERENCES contracts.agreements (id),
    correction_id uuid NOT NULL,
    -- Names of the fields; their values stay with identity.
    fields        text[] NOT NULL,
    create_time   timestamptz NOT NULL,
    PRIMARY KEY (agreement_id, correction_id)
);
