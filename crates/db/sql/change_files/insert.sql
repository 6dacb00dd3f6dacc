-- $1 changeid, $2 filename
INSERT INTO change_files (changeid, filename) VALUES ($1, $2)
