-- $1 ss_hash, $2 branch, $3 revision, $4 patchid, $5 repository, $6 codebase, $7 project, $8 created_at
INSERT INTO sourcestamps (ss_hash, branch, revision, patchid, repository, codebase, project, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id
