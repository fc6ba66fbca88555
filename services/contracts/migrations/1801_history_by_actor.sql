-- What somebody did with agreements, for those who ask what is held about them.
CREATE INDEX history_by_actor ON contracts.history (actor_id, create_time DESC) WHERE actor_id IS NOT NULL;
