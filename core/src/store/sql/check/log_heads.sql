-- Lists every head that was signed.
SELECT size, root_hash FROM log_heads ORDER BY size
