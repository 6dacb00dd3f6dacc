"""Schedulers for `buildbot try`: builds of what is not yet committed."""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot._host.record import recorded
from buildbot.schedulers import base


class TryBase(base.ReconfigurableBaseScheduler):
    """Builds only for its own builders."""

    def filterBuilderList(self, builderNames):
        """The builders asked for: all if none were, none if one of them is not ours."""
        if not builderNames:
            return self.builderNames
        if any(name not in self.builderNames for name in builderNames):
            return []
        return builderNames


class BadJobfile(Exception):
    """A file is no try job."""


class Try_Jobdir(TryBase):
    """Takes jobs from files in a maildir below the base directory."""

    compare_attrs = ("jobdir",)

    def __init__(self, name, builderNames, jobdir, **kwargs):
        super().__init__(name=name, builderNames=builderNames, jobdir=jobdir, **kwargs)

    @recorded
    def checkConfig(self, builderNames, jobdir, **kwargs):
        super().checkConfig(builderNames=builderNames, **kwargs)

    def reconfigService(self, builderNames, jobdir, **kwargs):
        answer = super().reconfigService(builderNames=builderNames, **kwargs)
        self.jobdir = jobdir
        return answer

    @by_master
    def activate(self): ...

    @by_master
    def deactivate(self): ...

    @by_master
    def parseJob(self, f): ...

    @by_master
    def handleJobFile(self, filename, f): ...


class Try_Userpass(TryBase):
    """Takes jobs from people who connect with a name and a password."""

    compare_attrs = ("name", "builderNames", "port", "userpass", "properties")

    def __init__(self, name, builderNames, port, userpass, **kwargs):
        super().__init__(
            name=name, builderNames=builderNames, port=port, userpass=userpass, **kwargs
        )

    @recorded
    def checkConfig(self, builderNames, port, userpass, **kwargs):
        super().checkConfig(builderNames=builderNames, **kwargs)

    def reconfigService(self, builderNames, port, userpass, **kwargs):
        answer = super().reconfigService(builderNames=builderNames, **kwargs)
        self.port = port
        self.userpass = userpass
        return answer

    @by_master
    def activate(self): ...

    @by_master
    def deactivate(self): ...


# What connected `buildbot try` clients talk to lives in the master; the names exist for those
# who import them.


class _InMaster:
    @by_master
    def __init__(self, *args, **kwargs): ...


class JobdirService(_InMaster):
    name = "JobdirService"


class RemoteBuildSetStatus(_InMaster):
    pass


class RemoteBuildRequest(_InMaster):
    pass


class RemoteBuild(_InMaster):
    pass


class Try_Userpass_Perspective(_InMaster):
    pass
