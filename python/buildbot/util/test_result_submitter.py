"""Collects the results of tests of a step and hands them to the master in batches."""

from __future__ import annotations

from buildbot.util import deferwaiter
from buildbot.util.twisted import any_to_async, async_to_deferred


class TestResultSubmitter:
    """`setup`, then `add_test_result` for each test, then `finish`."""

    __test__ = False

    def __init__(self, batch_n=3000):
        self._batch_n = batch_n
        self._curr_batch = []
        self._pending_batches = []
        self._waiter = deferwaiter.DeferWaiter()
        self._master = None
        self._builderid = None
        self._add_pass_fail_result = None
        self._tests_passed = None
        self._tests_failed = None

    @async_to_deferred
    async def setup(self, step, description, category, value_unit):
        builderid = await any_to_async(step.build.getBuilderId())
        await self.setup_by_ids(
            step.master,
            builderid,
            step.build.buildid,
            step.stepid,
            description,
            category,
            value_unit,
        )

    @async_to_deferred
    async def setup_by_ids(
        self, master, builderid, buildid, stepid, description, category, value_unit
    ):
        self._master = master
        self._category = category
        self._value_unit = value_unit
        self._initialize_pass_fail_recording_if_needed()
        self._builderid = builderid
        self._setid = await self._master.data.updates.addTestResultSet(
            builderid, buildid, stepid, description, category, value_unit
        )

    @async_to_deferred
    async def finish(self):
        self._submit_batch()
        await self._waiter.wait()
        await self._master.data.updates.completeTestResultSet(
            self._setid, tests_passed=self._tests_passed, tests_failed=self._tests_failed
        )

    def get_test_result_set_id(self):
        return self._setid

    def _submit_batch(self):
        batch, self._curr_batch = self._curr_batch, []
        if not batch:
            return
        self._pending_batches.append(batch)
        if not self._waiter.has_waited():
            self._waiter.add(self._process_batches())

    @async_to_deferred
    async def _process_batches(self):
        while self._pending_batches:
            batch = self._pending_batches.pop(0)
            await self._master.data.updates.addTestResults(self._builderid, self._setid, batch)

    # Counting

    def _initialize_pass_fail_recording(self, function):
        self._add_pass_fail_result = function
        self._tests_passed = 0
        self._tests_failed = 0

    def _initialize_pass_fail_recording_if_needed(self):
        if self._category == "pass_fail" and self._value_unit == "boolean":
            self._initialize_pass_fail_recording(self._add_pass_fail_result_category_pass_fail)
        elif self._category == "pass_only":
            self._initialize_pass_fail_recording(self._add_pass_fail_result_category_pass_only)
        elif self._category == "fail_only":
            self._initialize_pass_fail_recording(self._add_pass_fail_result_category_fail_only)

    def _add_pass_fail_result_category_fail_only(self, value):
        self._tests_failed += 1

    def _add_pass_fail_result_category_pass_only(self, value):
        self._tests_passed += 1

    def _add_pass_fail_result_category_pass_fail(self, value):
        try:
            passed = bool(int(value))
        except Exception as problem:
            from twisted.python import log

            log.err(problem, "When parsing test result success status")
            return
        if passed:
            self._tests_passed += 1
        else:
            self._tests_failed += 1

    def add_test_result(
        self, value, test_name=None, test_code_path=None, line=None, duration_ns=None
    ):
        if not isinstance(value, str):
            raise TypeError("value must be a string")
        result = {"value": value}
        optional = (
            ("test_name", test_name, str, "a string"),
            ("test_code_path", test_code_path, str, "a string"),
            ("line", line, int, "an integer"),
            ("duration_ns", duration_ns, int, "an integer"),
        )
        for name, given, kind, words in optional:
            if given is None:
                continue
            if not isinstance(given, kind):
                raise TypeError(f"{name} must be {words}")
            result[name] = given
        if self._add_pass_fail_result is not None:
            self._add_pass_fail_result(value)
        self._curr_batch.append(result)
        if len(self._curr_batch) >= self._batch_n:
            self._submit_batch()
