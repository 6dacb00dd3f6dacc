-- $1 masterid
DELETE FROM changesource_masters WHERE masterid = $1
