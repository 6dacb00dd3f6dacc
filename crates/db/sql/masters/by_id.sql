-- $1 id
SELECT id, name, active, last_active FROM masters WHERE id = $1
