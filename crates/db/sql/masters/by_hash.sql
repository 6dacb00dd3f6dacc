-- $1 name_hash
SELECT id FROM masters WHERE name_hash = $1
