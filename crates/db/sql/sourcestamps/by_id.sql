-- $1 id
SELECT id, branch, revision, patchid, repository, codebase, project, created_at
FROM sourcestamps WHERE id = $1
