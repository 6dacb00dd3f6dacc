-- $1 masterid
SELECT id FROM builds
WHERE +masterid = $1 AND complete_at IS NULL
    AND buildrequestid IN (SELECT buildrequests.id FROM buildrequests WHERE complete = 0)
ORDER BY id
