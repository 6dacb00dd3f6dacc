-- $1 builderid, $2 masterid
INSERT INTO builder_masters (builderid, masterid) VALUES ($1, $2) ON CONFLICT (builderid, masterid) DO NOTHING
