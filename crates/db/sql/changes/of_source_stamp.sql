-- $1 sourcestampid
SELECT changeid, author, committer, comments, branch, revision, revlink, when_timestamp, category, repository, codebase, project,
    sourcestampid, parent_changeids
FROM changes WHERE sourcestampid = $1 ORDER BY changeid DESC LIMIT 1
