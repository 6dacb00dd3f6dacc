-- $1 changeid
SELECT changeid, author, committer, comments, branch, revision, revlink, when_timestamp, category, repository, codebase, project,
    sourcestampid, parent_changeids
FROM changes WHERE changeid = $1
