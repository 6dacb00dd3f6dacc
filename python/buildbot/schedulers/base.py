"""What all schedulers have in common. Users derive their own from `ReconfigurableBaseScheduler`."""

from __future__ import annotations

from buildbot._host.by_master import by_master, with_private
from buildbot._host.declare import provides
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.util.service import ClusteredBuildbotService
from buildbot.util.state import StateMixin

__getattr__ = elsewhere(
    __name__,
    "Properties changes config defer implementer interfaces log warn_deprecated",
)

_CODEBASE_KEYS = ("branch", "repository", "revision")


def _check_builder_names(names):
    """Texts and renderables, or one renderable that gives them."""
    if isinstance(names, (list, tuple)):
        good = all(isinstance(name, str) or _is_renderable(name) for name in names)
    else:
        good = _is_renderable(names)
    if not good:
        config_error(
            "The builderNames argument to a scheduler must be a list of Builder names or an "
            "IRenderable object that will renderto a list of builder names."
        )


def _is_renderable(value):
    return hasattr(value, "getRenderingFor") and not isinstance(value, type)


def _check_codebases(codebases):
    if codebases is None:
        config_error("Codebases cannot be None")
    elif isinstance(codebases, list):
        return
    elif not isinstance(codebases, dict):
        config_error("Codebases must be a dict of dicts, or list of strings")
    else:
        for codebase, attributes in codebases.items():
            if not isinstance(attributes, dict):
                config_error("Codebases must be a dict of dicts")
                continue
            unknown = [key for key in attributes if key not in _CODEBASE_KEYS]
            if unknown:
                config_error(
                    f"Unknown codebase keys {', '.join(unknown)} for codebase {codebase}"
                )


def _check_priority(priority):
    if priority and not isinstance(priority, int) and not callable(priority):
        config_error(
            f"Invalid type for priority: {type(priority)}. "
            "It must either be an integer or a function"
        )


def _scheduler_properties(name, given):
    from buildbot.process.properties import Properties

    properties = Properties()
    properties.update(given or {}, "Scheduler")
    properties.setProperty("scheduler", name, "Scheduler")
    return properties


@with_private(
    "_changeCallback",
    "_enabledCallback",
    "_getScheduler",
    "_getServiceId",
    "_claimService",
    "_unclaimService",
)
class _SchedulerMixin(StateMixin):
    """Attributes and hooks of both base classes."""

    DEFAULT_CODEBASES = {"": {}}

    compare_attrs = ("builderNames", "properties", "codebases")

    enabled = True

    def _check_base_arguments(self, builderNames, codebases, priority):
        self.builderNames = builderNames
        _check_builder_names(builderNames)
        _check_codebases(self.DEFAULT_CODEBASES if codebases is None else codebases)
        _check_priority(priority)

    def _take_base_arguments(self, builderNames, properties, codebases, priority):
        self.builderNames = builderNames
        self.properties = _scheduler_properties(self.name, properties)
        if codebases is None:
            codebases = self.DEFAULT_CODEBASES.copy()
        elif isinstance(codebases, list):
            codebases = {codebase: {} for codebase in codebases}
        self.codebases = codebases
        self.priority = priority

    def __repr__(self):
        return f"<{type(self).__name__}({self.name}, {self.builderNames}, enabled={self.enabled})>"

    def listBuilderNames(self):
        return self.builderNames

    def getCodebaseDict(self, codebase):
        from buildbot.util.service import settled

        return settled(self.codebases[codebase])

    def gotChange(self, change, important):
        raise NotImplementedError

    @by_master
    def activate(self): ...

    @by_master
    def deactivate(self): ...

    @by_master
    def startConsumingChanges(
        self, fileIsImportant=None, change_filter=None, onlyImportant=False
    ): ...

    @by_master
    def startConsumingEnableEvents(self): ...

    @by_master
    def _stopConsumingChanges(self): ...

    @by_master
    def addBuildsetForSourceStampsWithDefaults(
        self,
        reason,
        sourcestamps=None,
        waited_for=False,
        properties=None,
        builderNames=None,
        priority=None,
        **kw,
    ): ...

    @by_master
    def addBuildsetForChanges(
        self,
        waited_for=False,
        reason="",
        external_idstring=None,
        changeids=None,
        builderNames=None,
        properties=None,
        priority=None,
        **kw,
    ): ...

    @by_master
    def addBuildsetForSourceStamps(
        self,
        waited_for=False,
        sourcestamps=None,
        reason="",
        external_idstring=None,
        properties=None,
        builderNames=None,
        priority=None,
        **kw,
    ): ...


@provides("IScheduler")
class BaseScheduler(_SchedulerMixin, ClusteredBuildbotService):
    """Deprecated base of schedulers that take their arguments in the constructor."""

    compare_attrs = (*ClusteredBuildbotService.compare_attrs, *_SchedulerMixin.compare_attrs)

    @recorded
    def __init__(self, name, builderNames, properties=None, codebases=None, priority=None):
        from buildbot.warnings import warn_deprecated

        warn_deprecated(
            "4.3.0", "BaseScheduler has been deprecated, use ReconfigurableBaseScheduler"
        )
        super().__init__(name=name)
        self._check_base_arguments(builderNames, codebases, priority)
        self._take_base_arguments(builderNames, properties, codebases, priority)
        self.objectid = None

    def reconfigService(self, *args, **kwargs):
        raise NotImplementedError


@provides("IScheduler")
class ReconfigurableBaseScheduler(_SchedulerMixin, ClusteredBuildbotService):
    """Base of schedulers whose arguments stand in ``checkConfig`` and ``reconfigService``."""

    compare_attrs = (*ClusteredBuildbotService.compare_attrs, *_SchedulerMixin.compare_attrs)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.enabled = True

    @recorded
    def checkConfig(self, builderNames, properties=None, codebases=None, priority=None):
        super().checkConfig()
        self._check_base_arguments(builderNames, codebases, priority)

    def reconfigService(self, builderNames, properties=None, codebases=None, priority=None):
        self._take_base_arguments(builderNames, properties, codebases, priority)
        return super().reconfigService()
