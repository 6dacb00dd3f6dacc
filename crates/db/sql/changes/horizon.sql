-- $1 how many to keep
SELECT changeid FROM changes ORDER BY changeid DESC LIMIT 1 OFFSET $1
