-- $1 results, $2 complete_at, $3 buildid
UPDATE steps SET results = $1, complete_at = $2 WHERE buildid = $3 AND results IS NULL
