-- $1 how many
SELECT changeid, author, committer, comments, branch, revision, revlink, when_timestamp, category, repository, codebase, project,
    sourcestampid, parent_changeids
FROM changes ORDER BY changeid DESC LIMIT $1
