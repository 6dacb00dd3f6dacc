"""What `buildbot.tac` of a master imports."""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot.util.service import MasterService, ReconfigurableServiceMixin


class LogRotation:
    """How `twistd.log` is rotated."""

    def __init__(self):
        self.rotateLength = 1 * 1000 * 1000
        self.maxRotatedFiles = 10


class BuildMaster(ReconfigurableServiceMixin, MasterService):
    """The master as a `buildbot.tac` makes it; a program of its own is the real one."""

    UNCLAIMED_BUILD_FACTOR = 6

    def __init__(
        self, basedir, configFileName=None, umask=None, reactor=None, config_loader=None
    ):
        if config_loader is not None and configFileName is not None:
            from buildbot.config.errors import ConfigErrors

            raise ConfigErrors(["Can't specify both `config_loader` and `configFilename`."])
        self.basedir = basedir
        self.configFileName = configFileName or "master.cfg"
        self.umask = umask
        self.log_rotation = LogRotation()

    @by_master
    def reconfig(self): ...

    @by_master
    def allSchedulers(self): ...

    @by_master
    def getObjectId(self): ...
