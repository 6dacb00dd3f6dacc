-- $1 id
SELECT id, number, builderid, buildrequestid, workerid, masterid, started_at, complete_at, locks_duration_s, state_string,
    results
FROM builds WHERE id = $1
