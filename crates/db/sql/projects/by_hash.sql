-- $1 name_hash
SELECT id FROM projects WHERE name_hash = $1
