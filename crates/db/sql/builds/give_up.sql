-- $1 results, $2 complete_at, $3 id
UPDATE builds SET results = $1, complete_at = $2 WHERE id = $3
