"""The pages that web services post changes to: the master's own, here by name only."""

from buildbot._host.elsewhere import elsewhere
from buildbot._host.internal import Internal

__getattr__ = elsewhere(
    __name__,
    "bytes2unicode datetime2epoch defer get_plugins log resource unicode2bytes",
)


class ChangeHookResource(Internal):
    """Everything below `/change_hook`."""

    contentType = "text/html; charset=utf-8"
    children = {}
    needsReconfig = True
