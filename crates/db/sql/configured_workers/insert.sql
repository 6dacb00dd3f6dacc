-- $1 workerid, $2 builderid, $3 masterid
INSERT INTO configured_workers (buildermasterid, workerid)
SELECT id, $1 FROM builder_masters WHERE builderid = $2 AND masterid = $3
ON CONFLICT (buildermasterid, workerid) DO NOTHING
