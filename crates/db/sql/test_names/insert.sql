-- $1 builderid, $2 name
INSERT INTO test_names (builderid, name) VALUES ($1, $2) RETURNING id
