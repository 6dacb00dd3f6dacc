-- $1 masterid
DELETE FROM builder_masters WHERE masterid = $1
