-- Whoever accepts an offer is asked for what their school freezes now; freezes that ended stay in the table.
CREATE INDEX employer_freezes_now ON identity.employer_freezes (school_code, until_time) WHERE lift_time IS NULL;
