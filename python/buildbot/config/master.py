"""Loading of a configuration file, and the whole configuration as an object.

The master checks a configuration itself. What is here serves users' own tests of their files:
it executes the file, reports what constructors report, and offers the settings as attributes.
"""

from __future__ import annotations

from buildbot._host.compare import ComparableMixin
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described
from buildbot.config.errors import ConfigErrors, capture_config_errors, error

__getattr__ = elsewhere(
    __name__,
    "BuilderConfig Codebase ConfigWarning IProperties IRenderable Project ZStdCompressor "
    "auth authz avatar defer implementer interfaces locks log util util_identifiers "
    "util_service",
)

DEFAULT_DB_URL = "sqlite:///state.sqlite"

_in_unit_tests = False


def set_is_in_unit_tests(in_tests):
    global _in_unit_tests
    _in_unit_tests = in_tests


def get_is_in_unit_tests():
    return _in_unit_tests


def loadConfigDict(basedir, configFileName):
    """Executes a configuration file. Returns its path and its ``BuildmasterConfig``."""
    import os

    from buildbot._host.load import Fatal, execute

    try:
        settings = execute(basedir, configFileName)
    except Fatal as fatal:
        if fatal.kind == "exit":
            raise fatal.error from None
        if fatal.kind == "exception":
            import sys
            import traceback

            print("error while parsing config file:", file=sys.stderr)
            traceback.print_exception(type(fatal.error), fatal.error, fatal.error.__traceback__)
        raise ConfigErrors([fatal.message]) from fatal.error
    return os.path.join(basedir, configFileName), settings


class FileLoader(ComparableMixin):
    """Loads a configuration from a file."""

    compare_attrs = ["basedir", "configFileName"]

    def __init__(self, basedir, configFileName):
        self.basedir = basedir
        self.configFileName = configFileName

    def loadConfig(self):
        with capture_config_errors(raise_on_error=True):
            filename, settings = loadConfigDict(self.basedir, self.configFileName)
            return MasterConfig.loadFromDict(settings, filename)


class _Factory:
    def __repr__(self):
        return "<factory>"


_NO_ARGUMENTS = _Factory()


class DBConfig:
    """Which database is used."""

    db_url = DEFAULT_DB_URL

    def __init__(self, db_url=DEFAULT_DB_URL, engine_kwargs=_NO_ARGUMENTS):
        self.db_url = db_url
        self.engine_kwargs = {} if engine_kwargs is _NO_ARGUMENTS else engine_kwargs

    __hash__ = None

    def __repr__(self):
        return f"DBConfig(db_url={self.db_url!r}, engine_kwargs={self.engine_kwargs!r})"

    def __eq__(self, other):
        if type(other) is not DBConfig:
            return NotImplemented
        return (self.db_url, self.engine_kwargs) == (other.db_url, other.engine_kwargs)

    def getRenderingFor(self, iprops):
        from buildbot._host.deferreds import deferred
        from buildbot.process.properties import _renderings

        def rendering():
            url, arguments = yield from _renderings((self.db_url, self.engine_kwargs), iprops)
            return DBConfig(url, arguments)

        return deferred(rendering())


_KNOWN = (
    "buildbotNetUsageData buildbotURL buildCacheSize builders caches change_source "
    "codebaseGenerator codebases configurators changeCacheSize changeHorizon db db_url "
    "logCompressionLimit logCompressionMethod logEncoding logMaxSize logMaxTailSize manhole "
    "machines collapseRequests metrics mq multiMaster prioritizeBuilders projects properties "
    "protocols revlink schedulers secretsProviders select_next_worker services title titleURL "
    "user_managers validation www workers"
).split()


def check_known_keys(settings):
    """Reports the keys that a configuration cannot have."""
    unknown = set(settings) - set(_KNOWN)
    if unknown:
        names = ", ".join(sorted(unknown))
        error(f"Unknown BuildmasterConfig key{'s' if len(unknown) > 1 else ''} {names}")


def run_configurators(settings):
    """Lets the configurators of a configuration change it."""
    for configurator in settings.get("configurators", []):
        if not _is_configurator(configurator):
            from buildbot.interfaces import IConfigurator

            raise TypeError("Could not adapt", configurator, IConfigurator)
        configurator.configure(settings)


def _is_configurator(value):
    if isinstance(value, Described) and hasattr(value, "configure"):
        return True
    from buildbot.interfaces import IConfigurator

    return IConfigurator.providedBy(value)


def expand_builders(settings):
    """Makes builders of the dictionaries among ``c['builders']``, as objects in its place."""
    builders = settings.get("builders")
    if not isinstance(builders, (list, tuple)) or not any(
        isinstance(builder, dict) for builder in builders
    ):
        return
    from buildbot.config.builder import BuilderConfig

    settings["builders"] = [
        BuilderConfig(**builder) if isinstance(builder, dict) else builder
        for builder in builders
    ]


class MasterConfig(ComparableMixin):
    """The settings of a configuration as attributes, with their defaults."""

    _known_config_keys = set(_KNOWN)
    compare_attrs = list(_KNOWN)

    def __init__(self):
        from buildbot.process.properties import Properties
        from buildbot.revlinks import default_revlink_matcher

        self.title = "Buildbot"
        self.titleURL = "http://buildbot.net/"
        self.buildbotURL = "http://localhost:8080/"
        self.changeHorizon = None
        self.logCompressionLimit = 4 * 1024
        self.logCompressionMethod = "gz"
        self.logEncoding = "utf-8"
        self.logMaxSize = None
        self.logMaxTailSize = None
        self.properties = Properties()
        self.collapseRequests = None
        self.codebaseGenerator = None
        self.prioritizeBuilders = None
        self.select_next_worker = None
        self.multiMaster = False
        self.manhole = None
        self.protocols = {}
        self.buildbotNetUsageData = "basic"
        self.validation = {}
        self.db = DBConfig()
        self.mq = {"type": "simple"}
        self.metrics = None
        self.caches = {"Builds": 15, "Changes": 10}
        self.schedulers = {}
        self.secretsProviders = []
        self.builders = []
        self.workers = []
        self.change_sources = []
        self.machines = []
        self.projects = []
        self.codebases = []
        self.user_managers = []
        self.revlink = default_revlink_matcher
        self.www = {}
        self.services = {}

    @classmethod
    def loadFromDict(cls, config_dict, filename):
        with capture_config_errors(raise_on_error=True):
            check_known_keys(config_dict)
            run_configurators(config_dict)
            expand_builders(config_dict)
            config = cls()
            for name, value in config_dict.items():
                config._set(name, value, filename)
            return config

    def _set(self, name, value, filename):
        if name == "properties":
            self.properties.update(value, filename)
        elif name == "change_source":
            self.change_sources = list(value) if isinstance(value, (list, tuple)) else [value]
        elif name in ("schedulers", "services"):
            setattr(self, name, {part.name: part for part in value})
        elif name == "db_url":
            self.db = DBConfig(value)
        elif name == "db":
            arguments = dict(value)
            self.db = DBConfig(arguments.pop("db_url", DEFAULT_DB_URL), arguments)
        elif name in ("titleURL", "buildbotURL") and isinstance(value, str):
            setattr(self, name, value if value.endswith("/") else value + "/")
        elif name == "caches":
            self.caches.update(value)
        elif name != "configurators":
            setattr(self, name, value)
