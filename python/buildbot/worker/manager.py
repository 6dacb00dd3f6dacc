"""Holds the workers."""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot.util.service import BuildbotServiceManager

__getattr__ = elsewhere(__name__, "MeasuredBuildbotServiceManager bbmsgpack bbpb defer log misc")


class WorkerRegistration:
    """That a worker may connect, and where."""

    __slots__ = ("master", "msgpack_reg", "pbReg", "worker")

    def __init__(self, master, worker):
        self.master = master
        self.worker = worker
        self.pbReg = None
        self.msgpack_reg = None

    def __repr__(self):
        return f"<{type(self).__name__} for {self.worker.workername!r}>"

    @by_master
    def unregister(self): ...

    @by_master
    def update(self, worker_config, global_config): ...

    @by_master
    def getPBPort(self): ...

    @by_master
    def get_msgpack_port(self): ...


class WorkerManager(BuildbotServiceManager):
    name = "WorkerManager"
    managed_services_name = "workers"
    config_attr = "workers"
    PING_TIMEOUT = 10

    def __init__(self, master):
        self.registrations = {}
        self.connections = {}

    @property
    def workers(self):
        return self.namedServices

    def getWorkerByName(self, workerName):
        return self.registrations[workerName].worker

    @by_master
    def register(self, worker): ...

    @by_master
    def newConnection(self, conn, workerName): ...
