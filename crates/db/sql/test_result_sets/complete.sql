-- $1 tests_passed, $2 tests_failed, $3 id
UPDATE test_result_sets SET tests_passed = $1, tests_failed = $2, complete = 1 WHERE id = $3
