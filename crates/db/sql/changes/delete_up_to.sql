-- $1 changeid
DELETE FROM changes WHERE changeid <= $1
