-- $1 masterid, $2 workerid
INSERT INTO connected_workers (masterid, workerid) VALUES ($1, $2) ON CONFLICT (masterid, workerid) DO NOTHING
