-- Guard: person ?1 has a second factor where ?2 is 1 (`mfa_enabled`), and none where it is 0 (`mfa_disabled`).
INSERT INTO batch_guard (expectation)
SELECT CASE ?2 WHEN 1 THEN 'mfa_enabled' ELSE 'mfa_disabled' END
WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = ?1 AND mfa_enabled = ?2)
