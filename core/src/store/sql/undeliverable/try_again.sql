-- Lets mail ?2 be tried, at ?3, to the address ?1 that mail bounced from: where it is the one that was tried last, or where
-- none was for ?4 ms. Returns a row where it may.
UPDATE undeliverable_addresses SET
  tried_at = CASE WHEN tried_mail IS ?2 THEN tried_at ELSE CAST(?3 AS INTEGER) END,
  tried_mail = ?2
WHERE email = ?1 AND cause = 'bounce' AND (tried_mail IS ?2 OR tried_at IS NULL OR tried_at <= ?3 - ?4)
RETURNING 1
