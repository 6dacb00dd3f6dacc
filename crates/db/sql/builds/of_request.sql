-- $1 buildrequestid
SELECT id, number, builderid, buildrequestid, workerid, masterid, started_at, complete_at, locks_duration_s, state_string,
    results
FROM builds WHERE buildrequestid = $1 ORDER BY id
