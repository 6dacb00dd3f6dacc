-- $1 builderid, $2 path
SELECT id FROM test_code_paths WHERE builderid = $1 AND path = $2 ORDER BY id LIMIT 1
