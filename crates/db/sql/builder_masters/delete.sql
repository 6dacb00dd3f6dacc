-- $1 builderid, $2 masterid
DELETE FROM builder_masters WHERE builderid = $1 AND masterid = $2
