-- $1 changeid
DELETE FROM scheduler_changes WHERE changeid <= $1
