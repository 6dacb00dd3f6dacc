"""Submitting the results of tests."""

from twisted.internet import defer  # noqa: F401 - before anything of Buildbot

from buildbot.util import test_result_submitter as trs


class Up:
    def __init__(s):
        s.l = []

    def addTestResultSet(s, *a, **k):
        s.l.append(("addSet", a, k))
        return defer.succeed(33)

    def addTestResults(s, *a, **k):
        s.l.append(("add", a, k))
        return defer.succeed(None)

    def completeTestResultSet(s, *a, **k):
        s.l.append(("complete", a, k))
        return defer.succeed(None)


class M:
    pass


def run(cat, unit, n=2, vals=(("1",), ("0",)), **k):
    m = M()
    m.data = M()
    m.data.updates = Up()
    s = trs.TestResultSubmitter(batch_n=n)
    s.setup_by_ids(m, 1, 2, 3, "desc", cat, unit)
    for v in vals:
        try:
            s.add_test_result(*v, **k)
        except Exception as e:
            print(type(e).__name__, e)
    s.finish()
    print(m.data.updates.l, s.get_test_result_set_id(), s._tests_passed, s._tests_failed)


run("pass_fail", "boolean", test_name="t")
run("pass_only", "x", 3, vals=(("a", "n1"), ("b", "n2", "p", 5), ("c",), ("d",)))
run("fail_only", "x", test_name="n")
run("other", "x", test_name="n", duration_ns=5)
run("pass_fail", "boolean", vals=(("x", "n"), ("1", "n")))
run(
    "other",
    "x",
    vals=(
        (5, "n"),
        ("x", 5),
        ("x", "n", 5),
        ("x", "n", "p", "q"),
        ("x", "n", "p", 1, "z"),
        ("v", None, "path"),
        ("v",),
    ),
)


class Step:
    name = "s"
    stepid = 9

    class build:
        buildid = 8

        @staticmethod
        def getBuilderId():
            return defer.succeed(7)


m = M()
m.data = M()
m.data.updates = Up()
Step.build.builder = M()
Step.build.builder.getBuilderId = lambda: defer.succeed(7)
Step.master = m
s = trs.TestResultSubmitter()
try:
    s.setup(Step(), "d", "pass_fail", "boolean")
    print(m.data.updates.l)
except Exception as e:
    print(repr(e))
