"""What a configuration says about one builder."""

from __future__ import annotations

from buildbot._host.declare import provides
from buildbot._host.descriptions import describe_as_html
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described
from buildbot.config.checks import (
    check_markdown_support,
    check_param_length,
    check_param_str_none,
)
from buildbot.config.errors import error

__getattr__ = elsewhere(__name__, "bytes2unicode model_config safeTranslate util_config")

RESERVED_UNDERSCORE_NAMES = ["__Janitor"]

_NAME_LENGTH_MAX = 256  # of properties, as the database stores them

# Bytes of a builder's name that its directory does not have.
_DIRECTORY = bytes(
    0x5F if chr(byte) in "\t !#$%&'()*+,./:;<=>?@[\\]^{|}~" else byte for byte in range(256)
)

_is_callable = (
    ("nextWorker", "nextWorker must be a callable"),
    ("nextBuild", "nextBuild must be a callable"),
    ("canStartBuild", "canStartBuild must be a callable"),
)


def _always(build):
    return True


@provides("IConfigured")
class BuilderConfig(Described):
    """A builder: its name, workers, factory and how its builds are chosen and started."""

    # Described from its attributes, which users may change after it was made.
    _described = (
        "name",
        "workernames",
        "builddir",
        "workerbuilddir",
        "factory",
    )
    _described_if = {
        "tags": [],
        "nextWorker": None,
        "nextBuild": None,
        "canStartBuild": None,
        "locks": [],
        "env": {},
        "properties": {},
        "defaultProperties": {},
        "collapseRequests": None,
        "description": None,
        "description_format": None,
        "project": None,
        "do_build_if": _always,
    }

    def __init__(
        self,
        name=None,
        workername=None,
        workernames=None,
        builddir=None,
        workerbuilddir=None,
        factory=None,
        tags=None,
        nextWorker=None,
        nextBuild=None,
        locks=None,
        env=None,
        properties=None,
        collapseRequests=None,
        description=None,
        description_format=None,
        canStartBuild=None,
        defaultProperties=None,
        project=None,
        do_build_if=None,
    ):
        self.name = name = self._checked_name(name)
        if project is not None and not isinstance(project, str):
            error("builder project must be None or str")
            project = None
        self.project = project
        self.factory = factory
        if factory is None:
            error(f"builder {name!r}: has no factory")
        else:
            from buildbot.process.factory import BuildFactory

            if not isinstance(factory, BuildFactory):
                error(f"builder {name!r}: factory is not a BuildFactory instance")
        self.workernames = self._checked_workernames(workername, workernames)
        if builddir is None:
            builddir = name.encode("utf-8").translate(_DIRECTORY).decode("utf-8")
        self.builddir = builddir
        self.workerbuilddir = builddir if workerbuilddir is None else workerbuilddir
        self.tags = self._checked_tags(tags) if tags else []
        self.nextWorker = nextWorker
        self.nextBuild = nextBuild
        self.canStartBuild = canStartBuild
        for attribute, problem in _is_callable:
            value = getattr(self, attribute)
            if value and not callable(value):
                error(problem)
        self.locks = locks or []
        self.env = env or {}
        if not isinstance(self.env, dict):
            error("builder's env must be a dictionary")
        self.properties = self._checked_properties("property", properties)
        self.defaultProperties = self._checked_properties("default property", defaultProperties)
        self.collapseRequests = collapseRequests
        self.description = check_param_str_none(description, BuilderConfig, "description")
        self.description_format = None
        if description_format is not None:
            check_param_str_none(description_format, BuilderConfig, "description_format")
            if description_format != "markdown":
                error('builder description format must be None or "markdown"')
            elif check_markdown_support(BuilderConfig):
                self.description_format = description_format
                describe_as_html(self, self.description)
        self.do_build_if = _always if do_build_if is None else do_build_if

    def _checked_name(self, name):
        if not name or type(name) not in (bytes, str):
            error("builder's name is required")
            return "<unknown>"
        if type(name) is bytes:
            try:
                name.decode("ascii")
            except UnicodeDecodeError:
                error("builder names must be unicode or ASCII")
            name = name.decode("utf-8")
        if name[0] == "_" and name not in RESERVED_UNDERSCORE_NAMES:
            error(f"builder names must not start with an underscore: '{name}'")
        return name

    def _checked_workernames(self, workername, workernames):
        if isinstance(workernames, str):
            workernames = [workernames]
        if workernames:
            if not isinstance(workernames, list):
                error(f"builder {self.name!r}: workernames must be a list or a string")
        else:
            workernames = []
        if workername:
            if not isinstance(workername, str):
                error(
                    f"builder {self.name!r}: workername must be a string "
                    f"but it is {workername!r}"
                )
            workernames = [*workernames, workername]
        if not workernames:
            error(f"builder {self.name!r}: at least one workername is required")
        return workernames

    def _checked_tags(self, tags):
        if not isinstance(tags, list):
            error(f"builder {self.name!r}: tags must be a list")
        if any(tag and not isinstance(tag, str) for tag in tags):
            error(f"builder {self.name!r}: tags list contains something that is not a string")
        if len(tags) != len(set(tags)):
            repeated = " ".join(dict.fromkeys(tag for tag in tags if tags.count(tag) > 1))
            error(f"builder {self.name!r}: tags list contains duplicate tags: {repeated}")
        return tags

    def _checked_properties(self, what, properties):
        if not properties:
            return {}
        for name in properties:
            check_param_length(name, f"Builder {self.name} {what}", _NAME_LENGTH_MAX)
        return properties

    def getConfigDict(self):
        """The settings that were made, by name."""
        settings = {
            "name": self.name,
            "workernames": self.workernames,
            "factory": self.factory,
            "builddir": self.builddir,
            "workerbuilddir": self.workerbuilddir,
        }
        for name in (
            "project",
            "tags",
            "nextWorker",
            "nextBuild",
            "locks",
            "env",
            "properties",
            "defaultProperties",
            "collapseRequests",
            "description",
            "description_format",
        ):
            value = getattr(self, name)
            if value or (name == "collapseRequests" and value is not None):
                settings[name] = value
        return settings
