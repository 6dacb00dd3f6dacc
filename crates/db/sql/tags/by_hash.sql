-- $1 name_hash
SELECT id FROM tags WHERE name_hash = $1
