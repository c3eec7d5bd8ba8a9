-- Takes the mark from the address of person ?1, at ?2. That is remembered for ?3 ms.
UPDATE undeliverable_addresses SET
  cause = NULL, verified_at = ?2, tried_at = NULL, tried_mail = NULL, asked_at = NULL, expires_at = ?2 + ?3
WHERE cause IS NOT NULL AND email = (SELECT u.email FROM users AS u WHERE u.id = ?1)
