-- Deletes the packs of a run that nobody reads, since it is not packed.
-- ?1 run
DELETE FROM result_packs
WHERE run_id = ?1 AND EXISTS (SELECT 1 FROM runs WHERE id = ?1 AND packed_at IS NULL)
