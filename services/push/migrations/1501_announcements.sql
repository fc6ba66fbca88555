-- What the province and schools tell people.
CREATE TABLE push.announcements (
    id uuid PRIMARY KEY,
    -- Empty for the province's.
    school_code text NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    -- Whom it concerns: each list that is not empty narrows.
    roles text[] NOT NULL,
    school_codes text[] NOT NULL,
    cohorts integer[] NOT NULL,
    departments text[] NOT NULL,
    public boolean NOT NULL,
    pinned boolean NOT NULL,
    state text NOT NULL,
    publish_time timestamptz,
    expire_time timestamptz,
    withdraw_reason text NOT NULL DEFAULT '',
    version integer NOT NULL DEFAULT 1,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    CONSTRAINT announcements_state CHECK (state IN ('DRAFT', 'SCHEDULED', 'PUBLISHED', 'WITHDRAWN')),
    CONSTRAINT announcements_publish CHECK (state NOT IN ('SCHEDULED', 'PUBLISHED') OR publish_time IS NOT NULL),
    CONSTRAINT announcements_expire CHECK (expire_time > publish_time),
    CONSTRAINT announcements_withdraw CHECK ((state = 'WITHDRAWN') = (withdraw_reason <> '')),
    CONSTRAINT announcements_title CHECK (char_length(title) BETWEEN 1 AND 80),
    CONSTRAINT announcements_body CHECK (char_length(body) BETWEEN 1 AND 20000),
    -- A school speaks to its own people.
    CONSTRAINT announcements_own CHECK (school_code = '' OR school_codes = ARRAY[school_code])
);
CREATE INDEX announcements_shown ON push.announcements (pinned DESC, publish_time DESC, id DESC)
    WHERE state IN ('SCHEDULED', 'PUBLISHED');
CREATE INDEX announcements_due ON push.announcements (publish_time) WHERE state = 'SCHEDULED';
CREATE INDEX announcements_own_list ON push.announcements (school_code, id DESC);

-- Who has read what.
CREATE TABLE push.announcement_reads (
    announcement_id uuid NOT NULL REFERENCES push.announcements (id),
    account_id uuid NOT NULL,
    -- True for those whose reading is counted.
    staff boolean NOT NULL,
    read_time timestamptz NOT NULL,
    PRIMARY KEY (announcement_id, account_id)
);

-- Every step, each hashed over the one before.
CREATE TABLE push.announcement_history (
    announcement_id uuid NOT NULL REFERENCES push.announcements (id),
    sequence integer NOT NULL,
    event text NOT NULL,
    from_state text NOT NULL,
    to_state text NOT NULL,
    -- SHA-256 of what it says afterwards.
    content_hash bytea NOT NULL,
    actor_id uuid,
    actor_role text NOT NULL,
    actor_name text NOT NULL,
    address text NOT NULL,
    client text NOT NULL,
    reason text NOT NULL,
    hash bytea NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (announcement_id, sequence)
);

-- Whether somebody who is signed in is among those whom it concerns.
CREATE FUNCTION push.announcement_concerns(
    a push.announcements, viewer_role text, viewer_school text, viewer_department text, viewer_cohort integer
) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN
    viewer_role IS NOT NULL
    AND (a.roles = '{}' OR viewer_role = ANY (a.roles))
    AND (a.school_codes = '{}' OR coalesce(viewer_school, '') = ANY (a.school_codes))
    AND (a.departments = '{}' OR coalesce(viewer_department, '') = ANY (a.departments))
    AND (a.cohorts = '{}' OR coalesce(viewer_cohort, 0) = ANY (a.cohorts));

-- Whether it is published at an instant, written down as such or not.
CREATE FUNCTION push.announcement_shown(a push.announcements, at timestamptz) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN
    a.state IN ('SCHEDULED', 'PUBLISHED')
    AND a.publish_time <= at
    AND (a.expire_time IS NULL OR a.expire_time > at);
