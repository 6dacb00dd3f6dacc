-- $1 workerid, $2 masterid
DELETE FROM configured_workers
WHERE workerid = $1 AND buildermasterid IN (SELECT id FROM builder_masters WHERE masterid = $2)
