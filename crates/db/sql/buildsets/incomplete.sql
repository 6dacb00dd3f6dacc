SELECT id, external_idstring, reason, submitted_at, complete, complete_at, results, parent_buildid, parent_relationship,
    rebuilt_buildid
FROM buildsets WHERE complete = 0 ORDER BY id
