-- $1 masterid, $2 workerid
DELETE FROM connected_workers WHERE masterid = $1 AND workerid = $2
