"""Who may do what in the web interface."""

from buildbot.www.authz.authz import Authz, fnmatchStrMatcher, reStrMatcher

__all__ = ["Authz", "Forbidden", "fnmatchStrMatcher", "reStrMatcher"]


def __getattr__(name):
    if name == "Forbidden":
        from buildbot.www._pages import Forbidden

        return Forbidden
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
