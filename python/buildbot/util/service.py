"""Base classes of what runs in a master as a named service: schedulers, workers, reporters …

While a configuration is read, services only check and remember their arguments. Those of users
live in this process later, too: with a parent that knows the master, children, and a start and
an end. What the services of this package do then is the master's own work.
"""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded
from buildbot.util import ComparableMixin, bytes2unicode
from buildbot.util.config import ConfiguredMixin

__getattr__ = elsewhere(
    __name__,
    "Properties defer log reflect task unicode2bytes util warn_deprecated",
)

__all__ = [
    "AsyncMultiService",
    "AsyncService",
    "BuildbotService",
    "BuildbotServiceManager",
    "ClusteredBuildbotService",
    "IndependentAsyncMultiService",
    "MasterService",
    "ReconfigurableServiceMixin",
    "SharedService",
]


def settled(value=None):
    """A Deferred that has its result."""
    from buildbot._host.deferreds import defer_module

    return defer_module().succeed(value)


def _all_settled(answers):
    """A Deferred that fires with None when every Deferred among `answers` has fired."""
    waiting = [answer for answer in answers if hasattr(answer, "addCallback")]
    if not waiting:
        return settled()
    from buildbot._host.deferreds import defer_module

    return defer_module().gatherResults(waiting).addCallback(lambda _: None)


class ReconfigurableServiceMixin:
    """Takes part in every reconfiguration, those of higher priority first."""

    reconfig_priority = 128

    def reconfigServiceWithBuildbotConfig(self, new_config):
        children = [c for c in self if hasattr(c, "reconfigServiceWithBuildbotConfig")]
        children.sort(key=lambda child: -child.reconfig_priority)
        return _all_settled([c.reconfigServiceWithBuildbotConfig(new_config) for c in children])


class AsyncService(Described):
    """Something with a name, a parent, a start and an end."""

    running = 0
    name = None
    parent = None

    @property
    def master(self):
        """The master that this service is a part of, or None.

        A service without parent has the one that the host gave it, as ``_master``.
        """
        if self.parent is None:
            return self.__dict__.get("_master")
        return self.parent.master

    def setName(self, name):
        if self.parent is not None:
            raise RuntimeError("cannot change name when parent exists")
        self.name = name

    def setServiceParent(self, parent):
        if self.parent is not None:
            self.disownServiceParent()
        self.parent = parent
        return parent.addService(self)

    def disownServiceParent(self):
        parent, self.parent = self.parent, None
        return parent.removeService(self)

    def privilegedStartService(self):
        return None

    def startService(self):
        self.running = 1
        return settled()

    def stopService(self):
        self.running = 0
        return settled()


class AsyncMultiService(AsyncService):
    """A service that has children; they start and stop with it."""

    def __init__(self):
        super().__init__()

    @property
    def services(self):
        return self.__dict__.setdefault("_services", [])

    @property
    def namedServices(self):
        return self.__dict__.setdefault("_named_services", {})

    def __iter__(self):
        return iter(self.services)

    def getServiceNamed(self, name):
        return self.namedServices[name]

    def startService(self):
        self.running = 1
        return _all_settled([child.startService() for child in list(self.services)])

    def stopService(self):
        self.running = 0
        return _all_settled([child.stopService() for child in reversed(list(self.services))])

    def addService(self, service):
        if service.name is not None:
            if service.name in self.namedServices:
                raise RuntimeError(f"cannot have two services with same name '{service.name}'")
            self.namedServices[service.name] = service
        self.services.append(service)
        return service.startService() if self.running else settled()

    def removeService(self, service):
        if service.name is not None:
            self.namedServices.pop(service.name, None)
        self.services.remove(service)
        return service.stopService() if self.running else settled()


class IndependentAsyncMultiService(AsyncMultiService):
    """Has children but no parent: it is told its master."""

    def set_master(self, master):
        self._master = master

    @property
    def master(self):
        return self._master


class MasterService(AsyncMultiService):
    """The root: it is its own master."""

    @property
    def master(self):
        return self

    @by_master
    def get_db_config(self, new_config): ...


class SharedService(AsyncMultiService):
    """One service for all that ask with the same arguments."""

    @classmethod
    def getService(cls, parent, *args, **kwargs):
        from buildbot._host.deferreds import defer_module

        defer = defer_module()
        name = cls.getName(*args, **kwargs)
        try:
            found = parent.namedServices.get(name)
            if found is not None:
                return defer.succeed(found)
            made = cls(*args, **kwargs)
            made.setName(name)
            attached = made.setServiceParent(parent)
        except Exception:
            return defer.fail()
        return attached.addCallback(lambda _: made)

    @classmethod
    def getName(cls, *args, **kwargs):
        import hashlib

        digest = hashlib.sha1()
        for value in args:
            digest.update(str(value).encode())
        for key, value in sorted(kwargs.items()):
            digest.update(f"{key}{value}".encode())
        return f"{cls.__name__}_{digest.hexdigest()}"


def _given_to_ours(cls, args, kwargs):
    """Arguments that our part of `cls` knows, when the user's `checkConfig` never calls ours.

    Its `reconfigService` will pass them on, as far as anybody can tell.
    """
    given = dict(kwargs)
    code = getattr(cls.checkConfig, "__code__", None)
    if code is not None:
        given.update(zip(code.co_varnames[1 : code.co_argcount], args))
    known = set()
    for ours in cls.__mro__:
        if (ours.__module__ + ".").startswith("buildbot."):
            for method in ("checkConfig", "reconfigService"):
                function = ours.__dict__.get(method)
                code = getattr(getattr(function, "__wrapped__", function), "__code__", None)
                if code is not None:
                    count = code.co_argcount + code.co_kwonlyargcount
                    known.update(code.co_varnames[1:count])
    return {name: value for name, value in given.items() if name in known}


class BuildbotService(
    AsyncMultiService, ConfiguredMixin, ComparableMixin, ReconfigurableServiceMixin
):
    """A named part of the configuration.

    The parameters stand in ``checkConfig`` and ``reconfigService``, as subclasses of users
    expect. ``checkConfig`` of a class of this package is decorated with ``recorded``.
    """

    compare_attrs = ("name", "_config_args", "_config_kwargs")
    name = None
    configured = False
    objectid = None
    rendered = False
    secrets = []

    def __init__(self, *args, **kwargs):
        name = kwargs.pop("name", None)
        if name is not None:
            self.name = bytes2unicode(name)
        self.checkConfig(*args, **kwargs)
        if self.name is None:
            raise ValueError(f"{type(self)}: must pass a name to constructor")
        self._config_args = args
        self._config_kwargs = kwargs
        state = self.__dict__
        if "_given" not in state:
            state["_given"] = _given_to_ours(type(self), args, kwargs)
        given = state["_given"]
        if given.get("name") is None:
            given["name"] = self.name

    def getConfigDict(self):
        made = type(self)
        return {
            "name": self.name,
            "class": f"{made.__module__}.{made.__name__}",
            "args": self._config_args,
            "kwargs": self._config_kwargs,
        }

    def canReconfigWithSibling(self, sibling):
        ours, theirs = type(self), type(sibling)
        return (ours.__module__, ours.__qualname__) == (theirs.__module__, theirs.__qualname__)

    def reconfigServiceWithSibling(self, sibling):
        """Takes over the arguments of `sibling` if they differ, or if there were none yet."""
        if self.configured and self.isEquivalent(self, sibling):
            return settled()
        self.configured = True
        self._config_args = sibling._config_args
        self._config_kwargs = sibling._config_kwargs
        return self.reconfigService(*self._config_args, **self._config_kwargs)

    def configureService(self):
        return self.reconfigServiceWithSibling(self)

    def startService(self):
        """Configures the service if nobody did, then starts its children."""
        started = super().startService
        if self.configured:
            return started()
        configured = self.configureService()
        if not hasattr(configured, "addCallback"):
            return started()
        return configured.addCallback(lambda _: started())

    @recorded
    def checkConfig(self, *args, **kwargs):
        return None

    def reconfigService(self, name=None, *args, **kwargs):
        return settled()

    def renderSecrets(self, *args):
        """A Deferred with the arguments rendered: one value for one, else a list of them."""
        from buildbot._host.deferreds import defer_module
        from buildbot.process.properties import Properties

        defer = defer_module()
        properties = Properties()
        properties.master = self.master
        rendered = [defer.maybeDeferred(properties.render, value) for value in args]
        return rendered[0] if len(rendered) == 1 else defer.gatherResults(rendered)


class ClusteredBuildbotService(BuildbotService):
    """A service that is active in one of several masters only. The master decides in which."""

    compare_attrs = ("name",)
    POLL_INTERVAL_SEC = 5 * 60
    serviceid = None
    active = False

    def __init__(self, *args, **kwargs):
        self.serviceid = None
        self.active = False
        super().__init__(*args, **kwargs)

    def isActive(self):
        return self.active

    def activate(self):
        return settled()

    def deactivate(self):
        return settled()

    def _getServiceId(self):
        raise NotImplementedError

    def _claimService(self):
        raise NotImplementedError

    def _unclaimService(self):
        raise NotImplementedError


class BuildbotServiceManager(AsyncMultiService, ConfiguredMixin, ReconfigurableServiceMixin):
    """Holds the services of one list of the configuration."""

    config_attr = "services"
    name = "services"

    def getConfigDict(self):
        return {
            "name": self.name,
            "childs": [child.getConfigDict() for child in self.namedServices.values()],
        }

    @by_master
    def get_service_config(self, new_config): ...

    @by_master
    def reconfigServiceWithBuildbotConfig(self, new_config): ...
