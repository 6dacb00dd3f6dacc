"""The builds that steps of users' classes belong to: one object for each, until it ends."""

from __future__ import annotations

from buildbot._host.describe import LentHandles
from buildbot.process.properties import Properties

_builds: dict = {}


def of(values, build, facts):
    """The running build that the master describes as `build`, made when it is first needed."""
    known = _builds.get(build._key)
    if known is None:
        known = _builds[build._key] = _made(values, build, facts)
    known.results = facts["results"]
    _note_executed(known, values, facts["executed"])
    return known


def forget(key):
    """The build has ended: what only its steps could have called is let go."""
    build = _builds.pop(key, None)
    if build is not None:
        build._handles.forget()


def _made(values, live, facts):
    from buildbot.process.build import Build

    builder = live.builder
    builder.__dict__.setdefault("config_version", 0)
    config = builder.config
    factory = getattr(config, "factory", None)
    cls = getattr(factory, "buildClass", None) or Build
    if not isinstance(cls, type):
        cls = Build
    build = cls(live.requests, builder)
    build.buildid = live.buildid
    build.number = live.number
    build.reason = live.reason
    build._builderid = live._sent.get("builderid", builder._key)
    build.url = live.url
    build.workername = live.workername
    build.env = getattr(config, "env", None) or {}
    build.workdir = facts["workdir"]
    worker_for_builder = live.workerforbuilder
    build.workerforbuilder = worker_for_builder
    worker = worker_for_builder.worker
    for name in ("worker_commands", "worker_environ", "worker_basedir", "worker_system"):
        worker.__dict__[name] = facts[name]
    build.worker_info = live.worker_info
    build._use_paths_of(facts["worker_system"])
    build.conn = getattr(worker, "conn", None)
    build.properties = MirroredProperties(build, values)
    build._handles = LentHandles(values.handles)
    return build


def _note_executed(build, values, executed):
    """Steps that the master carried out stand between those of ours."""
    by_name = {step.name: step for step in build.executedSteps}
    steps = []
    for described in executed:
        known = by_name.get(described["name"])
        if known is None:
            known = _step_of(build, described)
        steps.append(known)
    build.executedSteps = steps


def _step_of(build, described):
    from buildbot._host.live_build import Step

    step = Step(None, {"$": "step", "key": described["name"]})
    step.__dict__.update(
        name=described["name"],
        results=described["results"],
        statistics=described["statistics"],
        build=build,
    )
    return step


class _Told(dict):
    """The dictionary behind properties: what is set is told to the master."""

    def __init__(self, owner):
        super().__init__()
        self._owner = owner

    def __setitem__(self, name, found):
        super().__setitem__(name, found)
        self._owner._tell(name, found)

    def update(self, other=(), **more):
        for name, found in dict(other, **more).items():
            self[name] = found

    def setdefault(self, name, found=None):
        if name not in self:
            self[name] = found
        return self[name]


class MirroredProperties(Properties):
    """The properties of a running build: read here, set here and told to the master at once."""

    def __init__(self, build, values):
        super().__init__()
        self.properties = _Told(self)
        self.build = build
        self._values = values

    def refresh(self, sent):
        """Takes the properties as the master has them: [name, value, source, runtime]."""
        properties = self.properties
        seen = set()
        for name, value, source, *runtime in sent:
            seen.add(name)
            value = self._values.rendering(value)
            known = properties.get(name)
            if known is None or known[1] != source or not _same(known[0], value):
                dict.__setitem__(properties, name, (value, source))
            if runtime and runtime[0]:
                self.runtime.add(name)
        for name in [name for name in properties if name not in seen]:
            del properties[name]

    def _tell(self, name, found):
        session = self.build._session
        if session is not None:
            session.set_property(name, *found)

    def useSecret(self, secret_value, secret_name):
        super().useSecret(secret_value, secret_name)
        session = self.build._session
        if session is not None and secret_value.strip():
            session.hide(secret_value, f"<{secret_name}>")


def _same(value, other):
    """`==` of renderables is no comparison."""
    return type(value) is type(other) and not hasattr(value, "getRenderingFor") and value == other
