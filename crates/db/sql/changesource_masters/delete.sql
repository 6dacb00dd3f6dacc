-- $1 changesourceid, $2 masterid
DELETE FROM changesource_masters WHERE changesourceid = $1 AND masterid = $2
