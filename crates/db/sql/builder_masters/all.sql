SELECT builderid, masterid FROM builder_masters ORDER BY builderid, masterid
