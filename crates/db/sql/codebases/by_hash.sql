-- $1 projectid, $2 name_hash
SELECT id FROM codebases WHERE projectid = $1 AND name_hash = $2
