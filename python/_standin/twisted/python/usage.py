"""Command lines: only the names."""


class UsageError(Exception):
    """A command line makes no sense."""


class Options(dict):
    """Options of a command line; this one parses nothing."""

    def parseOptions(self, options=None):
        raise NotImplementedError(
            "usage.Options.parseOptions: what stands in for Twisted has no such method; "
            "install Twisted: pip install twisted"
        )
