-- $1 results, $2 complete_at, $3 id
UPDATE buildrequests SET complete = 1, results = $1, complete_at = $2 WHERE id = $3 AND complete <> 1
