-- Employers' own words for 补充条款.
CREATE TABLE contracts.clause_templates (
    id           uuid PRIMARY KEY,
    employer_id  uuid NOT NULL,
    title        text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 40),
    text         text NOT NULL CHECK (char_length(text) BETWEEN 1 AND 500),
    version      integer NOT NULL DEFAULT 1 CHECK (version > 0),
    create_time  timestamptz NOT NULL,
    update_time  timestamptz NOT NULL,
    CONSTRAINT clause_templates_title UNIQUE (employer_id, title)
);
