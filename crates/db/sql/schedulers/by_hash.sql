-- $1 name_hash
SELECT id FROM schedulers WHERE name_hash = $1
