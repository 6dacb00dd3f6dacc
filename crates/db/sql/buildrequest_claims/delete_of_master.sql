-- $1 masterid
DELETE FROM buildrequest_claims
WHERE masterid = $1 AND brid IN (SELECT id FROM buildrequests WHERE complete = 0)
