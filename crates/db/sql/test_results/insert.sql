-- $1 builderid, $2 test_result_setid, $3 test_nameid, $4 test_code_pathid, $5 line, $6 duration_ns, $7 value
INSERT INTO test_results (builderid, test_result_setid, test_nameid, test_code_pathid, line, duration_ns, value)
VALUES ($1, $2, $3, $4, $5, $6, $7)
