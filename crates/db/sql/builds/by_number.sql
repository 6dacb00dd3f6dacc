-- $1 builderid, $2 number
SELECT id, number, builderid, buildrequestid, workerid, masterid, started_at, complete_at, locks_duration_s, state_string,
    results
FROM builds WHERE builderid = $1 AND number = $2
