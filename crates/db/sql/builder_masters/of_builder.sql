-- $1 builderid
SELECT masterid FROM builder_masters WHERE builderid = $1 ORDER BY masterid
