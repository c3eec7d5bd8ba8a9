-- Guard `idempotency_claim`: claim ?3 on key ?2 of caller ?1 stands, unanswered.
INSERT INTO batch_guard (expectation)
SELECT 'idempotency_claim' WHERE NOT EXISTS (
  SELECT 1 FROM idempotent_requests WHERE caller = ?1 AND key = ?2 AND claim = ?3 AND status IS NULL
)
