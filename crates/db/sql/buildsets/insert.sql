-- $1 external_idstring, $2 reason, $3 submitted_at, $4 parent_buildid, $5 parent_relationship, $6 rebuilt_buildid
INSERT INTO buildsets (
    external_idstring, reason, submitted_at, complete, complete_at, results, parent_buildid, parent_relationship,
    rebuilt_buildid
) VALUES ($1, $2, $3, 0, NULL, -1, $4, $5, $6) RETURNING id
