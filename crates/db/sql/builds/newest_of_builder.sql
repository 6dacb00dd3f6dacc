-- $1 builderid, $2 how many
SELECT id, number, builderid, buildrequestid, workerid, masterid, started_at, complete_at, locks_duration_s, state_string,
    results
FROM builds WHERE builderid = $1 ORDER BY number DESC LIMIT $2
