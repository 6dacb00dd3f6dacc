-- $1 hidden, $2 id
UPDATE steps SET hidden = $1 WHERE id = $2
