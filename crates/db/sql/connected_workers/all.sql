SELECT workerid, masterid FROM connected_workers ORDER BY workerid, masterid
