"""Checks of a database: the master's own, here by name only."""

from buildbot._host.internal import function

test_unicode = function(__name__, "test_unicode")
