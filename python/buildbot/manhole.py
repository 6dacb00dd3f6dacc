"""Consoles into the master. They are described; what they would show lives in the master."""

from __future__ import annotations

import os

from buildbot._host.compare import ComparableMixin
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded
from buildbot._host.unsupported import unsupported
from buildbot.config.errors import error

_NO_SSH = "cryptography required for ssh mahole."


class _BaseManhole(Described):
    pass


def _need_ssh(directory=None):
    """Whether consoles over SSH can be had; a directory of keys is read at once."""
    try:
        from twisted.conch import manhole_ssh  # noqa: F401
        from twisted.conch.openssh_compat.factory import OpenSSHFactory  # noqa: F401
    except ImportError:
        error(_NO_SSH)
        if directory:
            raise AssertionError(_NO_SSH) from None
        return False
    if directory:
        os.listdir(directory)
    return True


@unsupported
class TelnetManhole(_BaseManhole, ComparableMixin):
    """A console without encryption."""

    compare_attrs = ("port", "username", "password")

    @recorded
    def __init__(self, port, username, password):
        self.port = port
        self.username = username
        self.password = password


@unsupported
class PasswordManhole(_BaseManhole, ComparableMixin):
    """A console over SSH, with a password."""

    compare_attrs = ("port", "username", "password", "ssh_hostkey_dir")

    @recorded
    def __init__(self, port, username, password, ssh_hostkey_dir):
        _need_ssh(ssh_hostkey_dir)
        self.port = port
        self.username = username
        self.password = password
        self.ssh_hostkey_dir = ssh_hostkey_dir


@unsupported
class AuthorizedKeysManhole(_BaseManhole, ComparableMixin):
    """A console over SSH, with keys."""

    compare_attrs = ("port", "keyfile", "ssh_hostkey_dir")

    @recorded
    def __init__(self, port, keyfile, ssh_hostkey_dir):
        if not _need_ssh():
            raise NameError("name 'AuthorizedKeysChecker' is not defined")
        self.port = port
        self.keyfile = keyfile
        self.ssh_hostkey_dir = ssh_hostkey_dir


@unsupported
class ArbitraryCheckerManhole(_BaseManhole, ComparableMixin):
    """A console over SSH, with a checker of the user's."""

    compare_attrs = ("port", "checker")

    @recorded
    def __init__(self, port, checker):
        _need_ssh()
        checker.credentialInterfaces  # noqa: B018  what is no checker is refused here
        self.port = port
        self.checker = checker


def show(x):
    """Prints the attributes of `x`."""
    print(f"data attributes of {x}")
    names = [name for name in dir(x) if not name.startswith("__")]
    width = max((len(name) for name in names), default=0)
    for name in names:
        value = getattr(x, name)
        if callable(value) and type(value).__name__ == "method":
            continue
        if isinstance(value, str):
            if len(value) > 50:
                value = repr(value[:50]) + "..."
            else:
                value = repr(value)
        elif isinstance(value, (list, tuple, dict)):
            value = f"{type(value)} (length {len(value)})"
        elif not isinstance(value, (int, float, bool, type(None))):
            value = type(value)
        print(f"{name:{width}} : {value}")
    return x


_IN_MASTER = {
    "makeTelnetProtocol": lambda self, portal: None,
    "chainedProtocolFactory": lambda self, namespace: None,
}


_elsewhere = elsewhere(__name__, "config implementer log protocol service unicode2bytes")


def __getattr__(name):
    if name in _IN_MASTER:
        from buildbot._host.internal import Internal

        cls = type(name, (Internal,), {"__module__": __name__, "__init__": _IN_MASTER[name]})
        globals()[name] = cls
        return cls
    return _elsewhere(name)
