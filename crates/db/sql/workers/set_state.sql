-- $1 paused, $2 graceful, $3 id
UPDATE workers SET paused = $1, graceful = $2 WHERE id = $3
