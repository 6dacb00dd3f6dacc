-- $1 buildid
SELECT name, value, source FROM build_properties WHERE buildid = $1
