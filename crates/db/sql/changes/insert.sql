-- $1 author, $2 committer, $3 comments, $4 branch, $5 revision, $6 revlink, $7 when_timestamp, $8 category,
-- $9 repository, $10 codebase, $11 project, $12 sourcestampid, $13 parent_changeids
INSERT INTO changes (
    author, committer, comments, branch, revision, revlink, when_timestamp, category, repository, codebase, project,
    sourcestampid, parent_changeids
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING changeid
