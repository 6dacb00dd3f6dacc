-- $1 schedulerid, $2 the changeid before which they are deleted; NULL for all of them
DELETE FROM scheduler_changes WHERE schedulerid = $1 AND ($2 IS NULL OR changeid < $2)
