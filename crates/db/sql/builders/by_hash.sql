-- $1 name_hash
SELECT id FROM builders WHERE name_hash = $1
