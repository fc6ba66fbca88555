-- When what may be done, by graduation year: the province's windows, and the schools' within them.
CREATE TABLE identity.calendar_windows (
    cohort integer NOT NULL,
    kind text NOT NULL,
    -- Empty for the province's own.
    school_code text NOT NULL,
    -- Days in Asia/Shanghai, both within; none when the window was removed.
    open_day date,
    close_day date,
    version integer NOT NULL DEFAULT 0,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    PRIMARY KEY (cohort, kind, school_code),
    CONSTRAINT calendar_windows_kind
        CHECK (kind IN ('REGISTRATION', 'ORIGIN', 'SIGNING', 'DESTINATION', 'RECOMMENDATION_FORM')),
    CONSTRAINT calendar_windows_both CHECK ((open_day IS NULL) = (close_day IS NULL)),
    CONSTRAINT calendar_windows_order CHECK (open_day <= close_day)
);

-- Every change of a window, each hashed over the one before.
CREATE TABLE identity.calendar_history (
    id uuid PRIMARY KEY,
    cohort integer NOT NULL,
    kind text NOT NULL,
    school_code text NOT NULL,
    version integer NOT NULL,
    open_day date,
    close_day date,
    actor_id uuid,
    actor_role text NOT NULL,
    actor_name text NOT NULL,
    address text NOT NULL,
    client text NOT NULL,
    hash bytea NOT NULL,
    create_time timestamptz NOT NULL,
    CONSTRAINT calendar_history_version UNIQUE (cohort, kind, school_code, version)
);
CREATE INDEX calendar_history_list ON identity.calendar_history (cohort, id DESC);

-- The schools' windows of records until now were instants; the days that hold them stay open whole.
INSERT INTO identity.calendar_windows
    (cohort, kind, school_code, open_day, close_day, version, create_time, update_time)
SELECT cohort, 'ORIGIN', school_code, (open_time AT TIME ZONE 'Asia/Shanghai')::date,
       (close_time AT TIME ZONE 'Asia/Shanghai')::date, 0, now(), now()
FROM identity.origin_windows;
DROP TABLE identity.origin_windows;
