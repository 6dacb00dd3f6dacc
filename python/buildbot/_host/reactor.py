"""Has Twisted, when it is imported, run on the event loop of asyncio."""

from __future__ import annotations

import sys

_NAME = "twisted.internet.reactor"


class _Finder:
    """Stands first in ``sys.meta_path``: installs the reactor when it is first imported."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != _NAME:
            return None
        from buildbot._host.standin import is_standin

        if is_standin("twisted"):
            return None
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, cls)

    @staticmethod
    def create_module(spec):
        from twisted.internet import asyncioreactor

        asyncioreactor.install()
        return sys.modules[_NAME]

    @staticmethod
    def exec_module(module):
        pass

    @staticmethod
    def invalidate_caches():
        pass


def install():
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)
