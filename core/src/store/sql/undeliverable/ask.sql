-- Notes that person ?1 asks at ?2 for a mail that verifies their undeliverable address anew; not twice within ?3 ms.
UPDATE undeliverable_addresses SET asked_at = ?2
WHERE email = (SELECT u.email FROM users AS u WHERE u.id = ?1)
  AND cause IS NOT NULL AND (asked_at IS NULL OR asked_at <= ?2 - ?3)
