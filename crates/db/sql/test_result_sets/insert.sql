-- $1 builderid, $2 buildid, $3 stepid, $4 description, $5 category, $6 value_unit
INSERT INTO test_result_sets (builderid, buildid, stepid, description, category, value_unit, complete)
VALUES ($1, $2, $3, $4, $5, $6, 0) RETURNING id
