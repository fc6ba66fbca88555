-- What people keep about themselves beside their contacts.
CREATE TABLE identity.profiles (
    account_id uuid PRIMARY KEY REFERENCES identity.accounts (id),
    title text NOT NULL DEFAULT '' CHECK (char_length(title) <= 64),
    office_phone text NOT NULL DEFAULT '' CHECK (char_length(office_phone) <= 24),
    avatar_file_id uuid
);

-- A student's privacy; no row is the default.
CREATE TABLE identity.privacy_settings (
    student_id uuid PRIMARY KEY REFERENCES identity.students (id),
    level text NOT NULL,
    mobile_shown boolean NOT NULL,
    read_marks boolean NOT NULL,
    signed_shown boolean NOT NULL,
    version integer NOT NULL DEFAULT 1,
    update_time timestamptz NOT NULL,
    CONSTRAINT privacy_settings_level CHECK (level IN ('ADMITTED_EMPLOYERS', 'OWN_EMPLOYERS', 'NOBODY'))
);

-- Employers that a student does not want to hear of.
CREATE TABLE identity.blocked_employers (
    student_id uuid NOT NULL REFERENCES identity.students (id),
    employer_id uuid NOT NULL REFERENCES identity.employers (id),
    create_time timestamptz NOT NULL,
    PRIMARY KEY (student_id, employer_id)
);
