-- Leaves a run that is not packed alone until then; where null, it is next.
-- ?1 run, ?2 when
UPDATE runs SET pack_again_at = ?2 WHERE id = ?1 AND packed_at IS NULL
