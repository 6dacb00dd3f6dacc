-- $1 builderid, $2 path
INSERT INTO test_code_paths (builderid, path) VALUES ($1, $2) RETURNING id
