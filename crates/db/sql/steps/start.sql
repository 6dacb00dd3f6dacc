-- $1 started_at, $2 id
UPDATE steps SET started_at = $1 WHERE id = $2
