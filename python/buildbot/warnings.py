"""Warnings about a configuration."""

import warnings


class ConfigWarning(Warning):
    """Something in the configuration is suspicious."""


class DeprecatedApiWarning(Warning):
    """Something in the configuration will stop working in a later version."""


def warn_deprecated(version, msg, stacklevel=2):
    warnings.warn(
        f"[{version} and later] {msg}",
        category=DeprecatedApiWarning,
        stacklevel=stacklevel + 1,
    )
