-- $1 masterid
DELETE FROM scheduler_masters WHERE masterid = $1
