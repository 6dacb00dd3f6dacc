"""Members that exist for the code of users but are carried out by the master, not here."""

import functools


class NotInThisProcess(NotImplementedError):
    """Raised when something is used here that only the running master can do."""


def refuse(name):
    raise NotInThisProcess(f"{name} cannot be used in a configuration: it needs the running master")


def in_master(function):
    """Decorates a function whose work is the master's; calling it here says so and names it."""

    @functools.wraps(function)
    def refusing(*args, **kwargs):
        refuse(f"{function.__module__}.{function.__qualname__}")

    return refusing
