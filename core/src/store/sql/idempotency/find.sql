-- Finds what stands under key ?2 of caller ?1.
SELECT fingerprint, claim, status, answer FROM idempotent_requests WHERE caller = ?1 AND key = ?2
