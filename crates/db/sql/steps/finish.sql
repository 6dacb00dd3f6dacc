-- $1 results, $2 complete_at, $3 id
UPDATE steps SET results = $1, complete_at = $2 WHERE id = $3
