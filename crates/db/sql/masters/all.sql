SELECT id, name, active, last_active FROM masters ORDER BY id
