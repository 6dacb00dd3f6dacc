"""The pages that web services post changes to: the master's own, here by name only."""

from buildbot._host.internal import Internal


class ChangeHookResource(Internal):
    """Everything below `/change_hook`."""

    contentType = "text/html; charset=utf-8"
    children = {}
    needsReconfig = True
