-- Gives person ?1 the status ?2 and the role ?3, each where it is not null, at ?4.
UPDATE users SET status = coalesce(?2, status), role = coalesce(?3, role), updated_at = ?4 WHERE id = ?1
