"""The threads that talk to the database: the master's own, here by name only."""

from buildbot._host.internal import Internal, function


class DBThreadPool(Internal):
    """Inside the master: db thread pool."""


timed_do_fn = function(__name__, "timed_do_fn")
