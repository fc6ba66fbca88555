-- Which edition of the form counts for which graduation years; nothing is changed or deleted.
CREATE TABLE contracts.editions (
    id          uuid PRIMARY KEY,
    template    text NOT NULL,
    -- Counts for this graduation year and later ones, until another does; of one year the last counts.
    cohort      integer NOT NULL,
    actor_id    uuid NOT NULL,
    actor_name  text NOT NULL,
    create_time timestamptz NOT NULL
);
CREATE INDEX editions_in_force ON contracts.editions (cohort DESC, id DESC);

-- The form that an agreement is drawn on, fixed when it is drafted.
ALTER TABLE contracts.agreements ADD COLUMN template text NOT NULL DEFAULT 'agreement-2026';
ALTER TABLE contracts.agreements ALTER COLUMN template DROP DEFAULT;
