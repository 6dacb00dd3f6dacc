-- $1 masterid
DELETE FROM connected_workers WHERE masterid = $1
