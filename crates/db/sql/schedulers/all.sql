SELECT schedulers.id, schedulers.name, schedulers.enabled, scheduler_masters.masterid
FROM schedulers LEFT JOIN scheduler_masters ON scheduler_masters.schedulerid = schedulers.id
ORDER BY schedulers.id
