-- Reminders to reviewers that something waits too long. The row is the claim: one a day for each school's office and department.
CREATE TABLE contracts.overdue_reminders (
    day          date NOT NULL,
    school_code  text NOT NULL,
    -- Empty for the school's office.
    department   text NOT NULL,
    level        smallint NOT NULL,
    create_time  timestamptz NOT NULL,
    PRIMARY KEY (day, school_code, department, level)
);
