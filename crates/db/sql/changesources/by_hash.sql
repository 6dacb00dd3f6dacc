-- $1 name_hash
SELECT id FROM changesources WHERE name_hash = $1
