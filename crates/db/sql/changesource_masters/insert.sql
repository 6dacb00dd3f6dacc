-- $1 changesourceid, $2 masterid
INSERT INTO changesource_masters (changesourceid, masterid) VALUES ($1, $2) ON CONFLICT (changesourceid) DO NOTHING
