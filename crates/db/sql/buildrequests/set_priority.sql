-- $1 priority, $2 id
UPDATE buildrequests SET priority = $1 WHERE id = $2 AND complete <> 1
