SELECT id, name, info, paused, pause_reason, graceful FROM workers ORDER BY id
