"""Names that configurations import from ``buildbot.config``."""

from buildbot.config.errors import ConfigErrors, error

__all__ = ["BuilderConfig", "ConfigErrors", "error"]


def __getattr__(name):
    if name == "BuilderConfig":
        from buildbot.config.builder import BuilderConfig

        return BuilderConfig
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
