-- What one administrator of the province proposes to do to the administrators and another confirms.
CREATE TABLE identity.administrator_proposals (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    state text NOT NULL DEFAULT 'OPEN',
    -- Whom it is about; of a new account none before it is confirmed.
    account_id uuid REFERENCES identity.accounts (id),
    -- Of a new account as proposed, of others as they were.
    login text NOT NULL,
    name text NOT NULL,
    reason text NOT NULL,
    proposer uuid NOT NULL REFERENCES identity.accounts (id),
    decider uuid REFERENCES identity.accounts (id),
    decide_reason text NOT NULL DEFAULT '',
    expire_time timestamptz NOT NULL,
    version integer NOT NULL DEFAULT 1,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    CONSTRAINT administrator_proposals_kind CHECK (kind IN ('CREATE', 'ENABLE', 'RAISE', 'RESET')),
    CONSTRAINT administrator_proposals_state CHECK (state IN ('OPEN', 'CONFIRMED', 'DECLINED', 'WITHDRAWN', 'LAPSED')),
    CONSTRAINT administrator_proposals_account CHECK ((account_id IS NULL) = (kind = 'CREATE' AND state <> 'CONFIRMED')),
    CONSTRAINT administrator_proposals_decider CHECK ((decider IS NULL) = (state IN ('OPEN', 'LAPSED'))),
    -- Four eyes.
    CONSTRAINT administrator_proposals_two CHECK (state NOT IN ('CONFIRMED', 'DECLINED') OR decider <> proposer),
    CONSTRAINT administrator_proposals_own CHECK (state <> 'WITHDRAWN' OR decider = proposer)
);
-- One open proposal an account and kind; a new account is known by its login.
CREATE UNIQUE INDEX administrator_proposals_open ON identity.administrator_proposals (kind, login) WHERE state = 'OPEN';
