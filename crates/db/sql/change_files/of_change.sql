-- $1 changeid
SELECT filename FROM change_files WHERE changeid = $1 ORDER BY rowid
