-- $1 last_active, before which a master is taken for dead
SELECT id, name, active, last_active FROM masters WHERE active = 1 AND last_active < $1 ORDER BY id
