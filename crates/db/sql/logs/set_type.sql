-- $1 type, $2 id
UPDATE logs SET type = $1 WHERE id = $2
