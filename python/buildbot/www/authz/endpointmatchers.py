"""Which requests a rule is about."""

from __future__ import annotations

from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded
from buildbot.util import bytes2unicode
from buildbot.util.twisted import async_to_deferred

__getattr__ = elsewhere(__name__, "InvalidPathError defer")


def _succeed(value):
    from twisted.internet import defer

    return defer.succeed(value)


class EndpointMatcherBase(Described):
    """A rule. A method `match_<Endpoint>_<action>` or `match_<Endpoint>` makes it apply."""

    _described_hooks = ("match_",)

    @recorded
    def __init__(self, role, defaultDeny=True):
        self.role = role
        self.defaultDeny = defaultDeny
        self.owner = None

    def setAuthz(self, authz):
        self.authz = authz
        self.master = authz.master

    def match(self, ep, action="get", options=None):
        """A `Match` if the rule is about this request, else None; as a Deferred."""
        from buildbot.data.exceptions import InvalidPathError

        if options is None:
            options = {}
        try:
            epobject, epdict = self.master.data.getEndpoint(ep)
        except InvalidPathError:
            return _succeed(None)
        for endpoint in type(epobject).__mro__:
            for name in (f"match_{endpoint.__name__}_{action}", f"match_{endpoint.__name__}"):
                method = getattr(self, name, None)
                if method is not None:
                    return method(epobject, epdict, options)
        return _succeed(None)

    def __repr__(self):
        shown = []
        for name in _parameters(type(self)):
            if name in ("self", "args", "kwargs", "defaultDeny", "owner"):
                continue
            value = getattr(self, name, None)
            if value is not None:
                shown.append(f"{name}='{bytes2unicode(value)}'")
        return f"{type(self).__name__}({', '.join(shown)})"


def _parameters(cls):
    """Names of the positional parameters of a class and its bases, each once."""
    names = []
    for base in cls.__mro__:
        init = base.__dict__.get("__init__")
        init = getattr(init, "__wrapped__", init)
        code = getattr(init, "__code__", None)
        if code is not None:
            names += [n for n in code.co_varnames[: code.co_argcount] if n not in names]
    return names


class Match:
    """A request that a rule is about, and what it concerns."""

    def __init__(self, master, build=None, buildrequest=None, buildset=None):
        self.master = master
        self.build = build
        self.buildrequest = buildrequest
        self.buildset = buildset

    def getOwner(self):
        if self.buildset:
            return self.getOwnerFromBuildSet(self.buildset)
        if self.buildrequest:
            return self.getOwnerFromBuildRequest(self.buildrequest)
        if self.build:
            return self.getOwnerFromBuild(self.build)
        return _succeed(None)

    @async_to_deferred
    async def getOwnerFromBuild(self, build):
        request = await self.master.data.get(("buildrequests", build["buildrequestid"]))
        return await self.getOwnerFromBuildRequest(request)

    @async_to_deferred
    async def getOwnerFromBuildsetOrBuildRequest(self, buildsetorbuildrequest):
        """The property `owner` of the build set of a request, or of a build set."""
        path = ("buildsets", buildsetorbuildrequest["buildsetid"], "properties")
        properties = await self.master.data.get(path)
        return properties["owner"][0] if "owner" in properties else None

    getOwnerFromBuildRequest = getOwnerFromBuildsetOrBuildRequest
    getOwnerFromBuildSet = getOwnerFromBuildsetOrBuildRequest


class AnyEndpointMatcher(EndpointMatcherBase):
    """Every request."""

    def match(self, ep, action="get", options=None):
        return _succeed(Match(self.master))


class AnyControlEndpointMatcher(EndpointMatcherBase):
    """Every request that changes something."""

    def match(self, ep, action="", options=None):
        control = bytes2unicode(action).lower() != "get"
        return _succeed(Match(self.master) if control else None)


class _OfBuilder(EndpointMatcherBase):
    """Rules that can be limited to builders by a pattern."""

    @recorded
    def __init__(self, builder=None, **kwargs):
        self.builder = builder
        super().__init__(**kwargs)

    @async_to_deferred
    async def matchFromBuilderId(self, builderid):
        if builderid is None:
            return False
        builder = await self.master.data.get(("builders", builderid))
        return self.authz.match(builder["name"], self.builder)

    async def _match_of(self, found, **what):
        if found is None:
            return None
        if self.builder is None or await self.matchFromBuilderId(found["builderid"]):
            return Match(self.master, **what)
        return None


class StopBuildEndpointMatcher(_OfBuilder):
    """Stopping builds."""

    @async_to_deferred
    async def match_BuildEndpoint_stop(self, epobject, epdict, options):
        build = await epobject.get({}, epdict)
        return await self._match_of(build, build=build)

    @async_to_deferred
    async def match_BuildRequestEndpoint_stop(self, epobject, epdict, options):
        request = await epobject.get({}, epdict)
        return await self._match_of(request, buildrequest=request)


class ForceBuildEndpointMatcher(_OfBuilder):
    """Forcing builds."""

    @async_to_deferred
    async def match_ForceSchedulerEndpoint_force(self, epobject, epdict, options):
        if self.builder is None:
            return Match(self.master)
        scheduler = await epobject.findForceScheduler(epdict["schedulername"])
        if scheduler is None:
            return None
        names = await scheduler.computeBuilderNames(
            options.get("builderNames"), options.get("builderid")
        )
        if any(self.authz.match(name, self.builder) for name in names):
            return Match(self.master)
        return None


class RebuildBuildEndpointMatcher(_OfBuilder):
    """Building once more."""

    @async_to_deferred
    async def match_BuildEndpoint_rebuild(self, epobject, epdict, options):
        build = await epobject.get({}, epdict)
        return await self._match_of(build, build=build)


class EnableSchedulerEndpointMatcher(EndpointMatcherBase):
    """Switching schedulers on and off."""

    def match_SchedulerEndpoint_enable(self, epobject, epdict, options):
        return _succeed(Match(self.master))


class ViewBuildsEndpointMatcher(EndpointMatcherBase):
    """Never applies, as in 4.3.0."""

    @recorded
    def __init__(self, branch=None, project=None, builder=None, **kwargs):
        super().__init__(**kwargs)
        self.branch = branch
        self.project = project
        self.builder = builder


class BranchEndpointMatcher(EndpointMatcherBase):
    """Never applies, as in 4.3.0."""

    @recorded
    def __init__(self, branch, **kwargs):
        self.branch = branch
        super().__init__(**kwargs)
