-- $1 builderid, $2 buildrequestid, $3 workerid, $4 masterid, $5 started_at, $6 state_string
INSERT INTO builds (
    builderid, number, buildrequestid, workerid, masterid, started_at, complete_at, locks_duration_s, state_string,
    results
)
SELECT
    $1, coalesce((SELECT number FROM builds WHERE builderid = $1 ORDER BY number DESC LIMIT 1), 0) + 1, $2, $3, $4, $5,
    NULL, 0, $6, NULL
RETURNING id, number
