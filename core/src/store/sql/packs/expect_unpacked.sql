-- Guards that the run was published and is not packed, that its packs hold as many results as they did, and that it has as
-- many rows as were read.
-- ?1 run, ?2 results in packs, ?3 rows; where null, nobody counts them
INSERT INTO batch_guard (expectation)
SELECT 'results_unpacked'
WHERE NOT EXISTS (SELECT 1 FROM runs WHERE id = ?1 AND published_at IS NOT NULL AND packed_at IS NULL)
  OR (SELECT coalesce(sum(results), 0) FROM result_packs WHERE run_id = ?1) <> ?2
  OR (?3 IS NOT NULL AND (SELECT count(*) FROM results WHERE run_id = ?1) <> ?3)
