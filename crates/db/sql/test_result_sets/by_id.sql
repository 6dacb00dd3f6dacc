-- $1 id
SELECT description, category, value_unit, tests_passed, tests_failed, complete FROM test_result_sets WHERE id = $1
