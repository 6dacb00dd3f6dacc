-- $1 test_result_setid
SELECT test_names.name, test_code_paths.path, test_results.line, test_results.duration_ns, test_results.value
FROM test_results
LEFT JOIN test_names ON test_names.id = test_results.test_nameid
LEFT JOIN test_code_paths ON test_code_paths.id = test_results.test_code_pathid
WHERE test_results.test_result_setid = $1 ORDER BY test_results.id
