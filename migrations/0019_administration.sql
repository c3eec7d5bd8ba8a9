-- What administrators list: events by kind, mails that were given up, and published runs by what became of them.
CREATE INDEX audit_events_by_kind ON audit_events (event, at, id);
CREATE INDEX outbox_given_up ON outbox (created_at, id) WHERE next_attempt_at IS NULL AND sent_at IS NULL;
CREATE INDEX runs_by_status ON runs (status, published_at, id) WHERE published_at IS NOT NULL;
