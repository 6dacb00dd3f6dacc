-- $1 id, $2 how many
SELECT id FROM logs WHERE id > $1 ORDER BY id LIMIT $2
