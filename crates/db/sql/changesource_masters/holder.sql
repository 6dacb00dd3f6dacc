-- $1 changesourceid
SELECT masterid FROM changesource_masters WHERE changesourceid = $1
