-- $1 state_string, $2 id
UPDATE steps SET state_string = $1 WHERE id = $2 AND complete_at IS NULL
