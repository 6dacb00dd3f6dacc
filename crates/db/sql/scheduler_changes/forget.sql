-- $1 schedulerid, $2 changeid
DELETE FROM scheduler_changes WHERE schedulerid = $1 AND changeid = $2
