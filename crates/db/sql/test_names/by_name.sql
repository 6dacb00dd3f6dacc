-- $1 builderid, $2 name
SELECT id FROM test_names WHERE builderid = $1 AND name = $2 ORDER BY id LIMIT 1
