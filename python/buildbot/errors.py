"""Exceptions that are not problems of a configuration's text."""


class PluginDBError(Exception):
    """A plug-in cannot be looked up or loaded."""


class CaptureCallbackError(Exception):
    """A callback of a statistics capture failed."""
