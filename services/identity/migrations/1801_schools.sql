-- The province takes schools in, changes and closes them.
ALTER TABLE identity.schools
    ADD COLUMN state text NOT NULL DEFAULT 'OPEN',
    ADD COLUMN close_reason text NOT NULL DEFAULT '',
    -- The province wrote it: a newer binary does not write over it any more.
    ADD COLUMN kept_by_province boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT schools_state CHECK (state IN ('OPEN', 'CLOSED')),
    ADD CONSTRAINT schools_close_reason CHECK ((state = 'CLOSED') = (close_reason <> '')),
    ADD CONSTRAINT schools_short_code UNIQUE (short_code);
