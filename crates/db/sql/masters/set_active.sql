-- $1 active, $2 last_active, $3 id
UPDATE masters SET active = $1, last_active = $2 WHERE id = $3
