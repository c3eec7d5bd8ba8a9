-- Guard ?1: the statement before this one changed exactly one row.
INSERT INTO batch_guard (expectation) SELECT ?1 WHERE changes() <> 1
