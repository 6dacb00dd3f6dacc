-- $1 buildsetid
SELECT sourcestamps.id, branch, revision, patchid, repository, codebase, project, created_at
FROM buildset_sourcestamps JOIN sourcestamps ON sourcestamps.id = buildset_sourcestamps.sourcestampid
WHERE buildset_sourcestamps.buildsetid = $1 ORDER BY buildset_sourcestamps.id
