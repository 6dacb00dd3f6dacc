-- $1 brid, $2 masterid
DELETE FROM buildrequest_claims WHERE brid = $1 AND masterid = $2
