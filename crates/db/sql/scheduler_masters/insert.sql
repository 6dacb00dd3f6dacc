-- $1 schedulerid, $2 masterid
INSERT INTO scheduler_masters (schedulerid, masterid) VALUES ($1, $2) ON CONFLICT (schedulerid) DO NOTHING
