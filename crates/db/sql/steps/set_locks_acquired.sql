-- $1 locks_acquired_at, $2 id
UPDATE steps SET locks_acquired_at = $1 WHERE id = $2
