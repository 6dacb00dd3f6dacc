-- $1 schedulerid, $2 masterid
DELETE FROM scheduler_masters WHERE schedulerid = $1 AND masterid = $2
