-- $1 changeid
DELETE FROM change_files WHERE changeid <= $1
