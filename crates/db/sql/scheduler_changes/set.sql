-- $1 schedulerid, $2 changeid, $3 important
INSERT INTO scheduler_changes (schedulerid, changeid, important) VALUES ($1, $2, $3)
ON CONFLICT (schedulerid, changeid) DO UPDATE SET important = excluded.important
