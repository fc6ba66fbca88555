-- Reminders that an offer is about to expire (SM-10). The row is the claim: however many replicas look, each goes out once.
CREATE TABLE contracts.offer_reminders (
    agreement_id uuid NOT NULL REFERENCES contracts.agreements (id),
    -- When the offer was to expire as it was reminded of: one with a new end is reminded of anew.
    expire_time  timestamptz NOT NULL,
    -- Hours before that end.
    hours        integer NOT NULL CHECK (hours > 0),
    create_time  timestamptz NOT NULL,
    PRIMARY KEY (agreement_id, expire_time, hours)
);
