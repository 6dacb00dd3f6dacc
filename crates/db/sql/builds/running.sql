-- A build that runs has a request that is not complete: history is not looked at.
SELECT id, number, builderid, buildrequestid, workerid, masterid, started_at, complete_at, locks_duration_s, state_string,
    results
FROM builds
WHERE complete_at IS NULL AND buildrequestid IN (SELECT buildrequests.id FROM buildrequests WHERE complete = 0)
ORDER BY id
