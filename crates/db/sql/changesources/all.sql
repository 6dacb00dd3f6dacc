SELECT changesources.id, changesources.name, changesource_masters.masterid
FROM changesources LEFT JOIN changesource_masters ON changesource_masters.changesourceid = changesources.id
ORDER BY changesources.id
