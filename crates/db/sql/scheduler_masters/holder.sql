-- $1 schedulerid
SELECT masterid FROM scheduler_masters WHERE schedulerid = $1
