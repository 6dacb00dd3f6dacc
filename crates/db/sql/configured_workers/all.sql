SELECT configured_workers.workerid, builder_masters.builderid, builder_masters.masterid
FROM configured_workers JOIN builder_masters ON builder_masters.id = configured_workers.buildermasterid
ORDER BY configured_workers.workerid, builder_masters.builderid, builder_masters.masterid
