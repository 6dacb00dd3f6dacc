-- $1 schedulerid
SELECT changeid, important FROM scheduler_changes WHERE schedulerid = $1 ORDER BY changeid
