-- $1 changeid
DELETE FROM change_properties WHERE changeid <= $1
