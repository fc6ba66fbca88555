-- Requests for help of those who cannot get in. Who did what with one is in the audit.
CREATE TABLE identity.help_requests (
    id uuid PRIMARY KEY,
    -- What the asker was told.
    number text NOT NULL,
    school_code text NOT NULL REFERENCES identity.schools (code),
    topic text NOT NULL,
    state text NOT NULL,
    -- Of a refused registration, as it was given; empty for none.
    case_number text NOT NULL,
    -- Name, telephone number and words of the asker, sealed.
    content_sealed bytea NOT NULL,
    -- What the school answered, sealed; none while it waits.
    answer_sealed bytea,
    -- Who answered, as lists show people; empty while it waits.
    answered_by text NOT NULL DEFAULT '',
    version integer NOT NULL DEFAULT 1,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    CONSTRAINT help_requests_number UNIQUE (number),
    CONSTRAINT help_requests_topic CHECK (topic IN ('REGISTRATION', 'LOGIN', 'OTHER')),
    CONSTRAINT help_requests_state CHECK (state IN ('OPEN', 'RESOLVED', 'CLOSED')),
    CONSTRAINT help_requests_answer CHECK ((state = 'OPEN') = (answer_sealed IS NULL))
);
CREATE INDEX help_requests_of_school ON identity.help_requests (school_code, id);
CREATE INDEX help_requests_age ON identity.help_requests (update_time) WHERE state <> 'OPEN';
