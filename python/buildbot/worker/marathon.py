"""Workers that Marathon starts on a Mesos cluster."""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.util.latent import CompatibleLatentWorkerMixin
from buildbot.worker.docker import DockerBaseWorker

__getattr__ = elsewhere(__name__, "HTTPSession LatentWorkerFailedToSubstantiate defer util")


class MarathonLatentWorker(CompatibleLatentWorkerMixin, DockerBaseWorker):
    """One application for each instance."""

    instance = None
    image = None

    @recorded
    def checkConfig(
        self,
        name,
        marathon_url,
        image,
        marathon_auth=None,
        marathon_extra_config=None,
        marathon_app_prefix="buildbot-worker/",
        masterFQDN=None,
        **kwargs,
    ):
        super().checkConfig(name, image=image, masterFQDN=masterFQDN, **kwargs)

    def reconfigService(
        self,
        name,
        marathon_url,
        image,
        marathon_auth=None,
        marathon_extra_config=None,
        marathon_app_prefix="buildbot-worker/",
        masterFQDN=None,
        **kwargs,
    ):
        self.marathon_extra_config = marathon_extra_config or {}
        self.marathon_app_prefix = marathon_app_prefix
        return super().reconfigService(name, image=image, masterFQDN=masterFQDN, **kwargs)

    def getApplicationId(self):
        return self.marathon_app_prefix + self.getContainerName()

    @by_master
    def renderWorkerProps(self, build): ...

    @by_master
    def start_instance(self, build): ...

    @by_master
    def stop_instance(self, fast=False, reportFailure=True): ...
