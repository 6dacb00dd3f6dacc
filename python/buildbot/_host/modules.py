"""Which optional libraries of others the interpreter has, without importing them."""


def is_installed(name):
    """Whether the module `name` can be imported."""
    import sys

    if name in sys.modules:
        return sys.modules[name] is not None
    from importlib.util import find_spec

    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def module_or_none(name):
    """The module, or None when it is not installed."""
    import importlib

    return importlib.import_module(name) if is_installed(name) else None
