-- $1 buildsetid, $2 builderid, $3 priority, $4 submitted_at, $5 waited_for
INSERT INTO buildrequests (buildsetid, builderid, priority, complete, results, submitted_at, complete_at, waited_for)
VALUES ($1, $2, $3, 0, -1, $4, NULL, $5) RETURNING id
