-- Lists lines of the log after a place, oldest first: publications, withdrawals and rejections, seals, and moderation.
-- What moderation did, and a seal, stands after the snapshot that was the newest then. Of what is hidden the log tells
-- nothing, nor that it moved.
-- ?1 and ?3 the place of the line before: its snapshot's and moderation's, ?2 rows
SELECT *
FROM (
  SELECT *
  FROM public_changes
  WHERE seq > ?1
  ORDER BY seq
  LIMIT ?2
)
UNION ALL
SELECT *
FROM (
  SELECT *
  FROM moderation_changes
  WHERE (seq, act) > (?1, ?3)
  ORDER BY seq, act
  LIMIT ?2
)
UNION ALL
SELECT *
FROM (
  SELECT *
  FROM seal_changes
  WHERE (seq, act) > (?1, ?3)
  ORDER BY seq, act
  LIMIT ?2
)
ORDER BY seq, act
LIMIT ?2
