-- $1 info, $2 id
UPDATE workers SET info = $1, graceful = 0 WHERE id = $2
