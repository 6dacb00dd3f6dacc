-- $1 masterid, $2 claimed_at, $3 brid
INSERT INTO buildrequest_claims (brid, masterid, claimed_at)
SELECT id, $1, $2 FROM buildrequests WHERE id = $3 AND complete = 0
ON CONFLICT (brid) DO NOTHING
