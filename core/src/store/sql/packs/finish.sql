-- Notes that a run's results are packed: from now on its packs are read.
-- ?1 run, ?2 now
UPDATE runs SET packed_at = ?2, pack_again_at = NULL WHERE id = ?1
