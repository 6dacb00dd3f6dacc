"""Whether TLS can be used from Twisted."""

from __future__ import annotations


def __getattr__(name):
    """Names of `twisted.internet.ssl`, and what its import said."""
    if name == "error":
        from buildbot.config import error

        return error
    try:
        from twisted.internet import ssl

        problem = None
    except ImportError as error:
        ssl = None
        problem = str(error)
    if name == "has_ssl":
        return problem is None
    if name == "ssl_import_error":
        return problem
    if ssl is None or not hasattr(ssl, name):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(ssl, name)


def ensureHasSSL(module):
    """Reports that something needs what is not installed."""
    problem = __getattr__("ssl_import_error")
    if problem is None:
        return
    from buildbot.config import error

    error(
        f"TLS dependencies required for {module} are not installed : {problem}\n"
        " pip install 'buildbot[tls]'"
    )


def skipUnless(f):
    """For tests that need TLS."""
    import unittest

    return unittest.skipUnless(__getattr__("has_ssl"), "TLS dependencies required")(f)
