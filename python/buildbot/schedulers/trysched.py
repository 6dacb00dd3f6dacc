"""Schedulers for `buildbot try`: builds of what is not yet committed."""

from __future__ import annotations

from buildbot._host.by_master import by_master, with_private
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.schedulers import base
from buildbot.util.service import BuildbotService

__getattr__ = elsewhere(
    __name__,
    "IndependentAsyncMultiService MaildirService Properties basic bytes2unicode defer log "
    "netstrings pbutil unicode2bytes",
)


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


@with_private("_start_watcher")
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


@with_private("_create_pb", "_destroy_pb")
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


class JobdirService(BuildbotService):
    """Watches the maildir."""

    name = "JobdirService"

    @by_master
    def __init__(self, scheduler, basedir=None): ...


class RemoteBuildSetStatus:
    """The buildset that a job became."""

    @by_master
    def __init__(self, master, bsid, brids): ...


class RemoteBuildRequest:
    """One request of the buildset."""

    @by_master
    def __init__(self, master, builderName, brid): ...


class RemoteBuild:
    """A build of a request."""

    @by_master
    def __init__(self, master, builddict, builderName): ...


class Try_Userpass_Perspective:
    """What a client can ask."""

    @by_master
    def __init__(self, scheduler, username): ...
