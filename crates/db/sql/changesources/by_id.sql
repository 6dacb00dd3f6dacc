-- $1 id
SELECT changesources.id, changesources.name, changesource_masters.masterid
FROM changesources LEFT JOIN changesource_masters ON changesource_masters.changesourceid = changesources.id
WHERE changesources.id = $1
