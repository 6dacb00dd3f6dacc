-- $1 buildsetid
SELECT buildrequests.id, buildrequests.buildsetid, buildrequests.builderid, buildrequests.priority, buildrequests.complete,
    buildrequests.results, buildrequests.submitted_at, buildrequests.complete_at, buildrequests.waited_for,
    buildrequest_claims.masterid, buildrequest_claims.claimed_at
FROM buildrequests LEFT JOIN buildrequest_claims ON buildrequest_claims.brid = buildrequests.id
WHERE buildrequests.buildsetid = $1 ORDER BY buildrequests.id
