-- Answers claim ?3 on key ?2 of caller ?1, of an upload of ?4 results, of which the last statement to write stored those
-- that are new. D1 binds every number as a double.
UPDATE idempotent_requests SET
  status = 200,
  answer = json_object('accepted', changes(), 'repeated', CAST(?4 AS INTEGER) - changes())
WHERE caller = ?1 AND key = ?2 AND claim = ?3 AND status IS NULL
