"""Workers on virtual machines of UpCloud."""

from __future__ import annotations

from buildbot._host.by_master import by_master, with_private
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.worker.latent import AbstractLatentWorker

__getattr__ = elsewhere(
    __name__,
    "HTTPSession LatentWorkerFailedToSubstantiate config defer log util",
)

DEFAULT_ZONE = "de-fra1"
DEFAULT_PLAN = "1xCPU-1GB"
DEFAULT_BASE_URL = "https://api.upcloud.com/1.3"
DEFAULT_OS_DISK_SIZE = 10
DEFAULT_CORE_NUMBER = 1
DEFAULT_MEMORY_AMOUNT = 512


@with_private("_resolve_image", "_state")
class UpcloudLatentWorker(AbstractLatentWorker):
    """Starts servers of a template."""

    instance = None

    @recorded
    def checkConfig(
        self,
        name,
        password=None,
        api_username=None,
        api_password=None,
        image=None,
        hostconfig=None,
        base_url=DEFAULT_BASE_URL,
        masterFQDN=None,
        **kwargs,
    ):
        if image is None or api_username is None or api_password is None:
            config_error(
                "UpcloudLatentWorker: You need to specify at least an image name, zone, "
                "api_username and api_password"
            )
        super().checkConfig(name, password, **kwargs)

    def reconfigService(
        self,
        name,
        password=None,
        zone=None,
        api_username=None,
        api_password=None,
        image=None,
        hostconfig=None,
        base_url=DEFAULT_BASE_URL,
        masterFQDN=None,
        **kwargs,
    ):
        if password is None:
            password = self.getRandomPass()
        self.masterFQDN = masterFQDN
        self.image = image
        self.hostconfig = hostconfig or {}
        return super().reconfigService(name, password, **kwargs)

    def getContainerName(self):
        import hashlib

        master = "" if self.master is None else self.master.name
        digest = hashlib.sha1(master.encode()).hexdigest()[:6]
        return f"buildbot-{self.workername}-{digest}".replace("_", "-")

    @by_master
    def start_instance(self, build): ...

    @by_master
    def stop_instance(self, fast=False): ...
