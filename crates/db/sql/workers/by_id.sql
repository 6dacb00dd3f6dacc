-- $1 id
SELECT id, name, info, paused, pause_reason, graceful FROM workers WHERE id = $1
