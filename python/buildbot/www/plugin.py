"""Plug-ins of the web interface, as their packages declare them."""

from __future__ import annotations

from buildbot.util import bytes2unicode


class Application:
    """A package with pages for the web interface: its version and its folder of static files."""

    def __init__(self, package_name, description, ui=True):
        import importlib
        import pathlib

        files = pathlib.Path(importlib.import_module(package_name).__file__).parent
        self.description = description
        self.version = bytes2unicode((files / "VERSION").read_bytes()).strip()
        self.static_dir = files / "static"
        self.ui = ui

    def __getattr__(self, name):
        if name != "resource":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        from twisted.web import static

        self.resource = static.File(str(self.static_dir))
        return self.resource

    def setMaster(self, master):
        self.master = master

    def setConfiguration(self, config):
        self.config = config

    def __repr__(self):
        return (
            f"www.plugin.Application(version={self.version}, description={self.description}, "
            f"static_dir={self.static_dir})"
        )
