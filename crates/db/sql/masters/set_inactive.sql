-- $1 id
UPDATE masters SET active = 0 WHERE id = $1
