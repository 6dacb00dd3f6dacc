-- $1 masterid
-- By request: complete ones keep their claims, so a master has as many as it has history.
DELETE FROM buildrequest_claims
WHERE +masterid = $1 AND brid IN (SELECT id FROM buildrequests WHERE complete = 0)
