-- $1 branch, $2 repository, $3 project, $4 codebase
SELECT changeid FROM changes
WHERE branch IS NOT DISTINCT FROM $1 AND repository = $2 AND project = $3 AND codebase = $4
ORDER BY changeid DESC LIMIT 1
