-- How moderation left benchmark ?1, with the title of its newest version.
SELECT b.id, b.owner_id, b.hidden_reason, v.title AS name, b.given_title IS NOT NULL AS renamed
FROM benchmarks AS b JOIN benchmark_versions AS v ON v.benchmark_id = b.id
WHERE b.id = ?1 ORDER BY v.created_at DESC, v.version DESC LIMIT 1
