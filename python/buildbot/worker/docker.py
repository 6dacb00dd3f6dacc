"""Workers in containers."""

from __future__ import annotations

from buildbot._host.by_master import by_master, with_private
from buildbot._host.elsewhere import elsewhere
from buildbot._host.modules import is_installed, module_or_none
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.util.latent import CompatibleLatentWorkerMixin
from buildbot.worker.latent import AbstractLatentWorker


_elsewhere = elsewhere(
    __name__,
    "LatentWorkerCannotSubstantiate LatentWorkerFailedToSubstantiate config defer log threads "
    "unicode2bytes",
)


def __getattr__(name):
    if name == "docker":
        return module_or_none("docker")
    return _elsewhere(name)


class DockerBaseWorker(AbstractLatentWorker):
    """What workers in containers have in common, however these are started."""

    @recorded
    def checkConfig(
        self,
        name,
        password=None,
        image=None,
        masterFQDN=None,
        master_protocol="pb",
        **kwargs,
    ):
        kwargs.setdefault("build_wait_timeout", 0)
        if image is not None and not isinstance(image, str):
            if not hasattr(image, "getRenderingFor"):
                config_error("image must be a string")
        super().checkConfig(name, password, **kwargs)

    def reconfigService(
        self,
        name,
        password=None,
        image=None,
        masterFQDN=None,
        master_protocol="pb",
        **kwargs,
    ):
        kwargs.setdefault("build_wait_timeout", 0)
        if password is None:
            password = self.getRandomPass()
        if masterFQDN is None:
            masterFQDN = self.get_fqdn()
        if callable(masterFQDN):
            masterFQDN = masterFQDN()
        self.masterFQDN = masterFQDN
        self.master_protocol = master_protocol
        self.image = image
        self.masterhash = self._hash_of_master()
        return super().reconfigService(name, password, **kwargs)

    def _hash_of_master(self):
        import hashlib

        name = "" if self.master is None else self.master.name
        return hashlib.sha1(name.encode()).hexdigest()[:6]

    def getContainerName(self):
        return f"buildbot-{self.workername}-{self.masterhash}".replace("_", "-")

    @property
    def shortid(self):
        """The beginning of the container's id, for the log."""
        return None if self.instance is None else self.instance["Id"][:6]

    def createEnvironment(self, build=None):
        """What the worker inside reads of its environment."""
        environment = {
            "BUILDMASTER": self.masterFQDN,
            "BUILDMASTER_PROTOCOL": self.master_protocol,
            "WORKERNAME": self.name,
            "WORKERPASS": self.password,
        }
        if ":" in self.masterFQDN:
            host, _, port = self.masterFQDN.partition(":")
            environment["BUILDMASTER"] = host
            environment["BUILDMASTER_PORT"] = port
        elif self.registration is not None:
            environment["BUILDMASTER_PORT"] = str(self.registration.getPBPort())
        return environment

    @staticmethod
    def get_fqdn():
        import socket

        return socket.getfqdn()

    @staticmethod
    def get_ip():
        import socket

        name = socket.getfqdn()
        try:
            return socket.gethostbyname(name)
        except socket.gaierror:
            return name


@with_private(
    "_getDockerClient",
    "_image_exists",
    "_thd_parse_volumes",
    "_thd_start_instance",
    "_thd_check_instance",
    "_thd_stop_instance",
)
class DockerLatentWorker(CompatibleLatentWorkerMixin, DockerBaseWorker):
    """A container of a Docker daemon."""

    instance = None

    @recorded
    def checkConfig(
        self,
        name,
        password,
        docker_host,
        image=None,
        command=None,
        volumes=None,
        dockerfile=None,
        version=None,
        tls=None,
        followStartupLogs=False,
        masterFQDN=None,
        master_protocol="pb",
        hostconfig=None,
        autopull=False,
        alwaysPull=False,
        custom_context=False,
        encoding="gzip",
        buildargs=None,
        hostname=None,
        **kwargs,
    ):
        super().checkConfig(name, password, image, masterFQDN, **kwargs)
        if not is_installed("docker"):
            config_error(
                "The python module 'docker>=4.0' is needed to use a DockerLatentWorker"
            )
        if not image and not dockerfile:
            config_error(
                "DockerLatentWorker: You need to specify at least an image name, or a dockerfile"
            )
        if isinstance(volumes, list):
            for volume in volumes:
                if isinstance(volume, str) and ":" not in volume:
                    config_error(
                        f"Invalid volume definition for docker {volume}. Skipping..."
                    )

    def reconfigService(
        self,
        name,
        password,
        docker_host,
        image=None,
        command=None,
        volumes=None,
        dockerfile=None,
        version=None,
        tls=None,
        followStartupLogs=False,
        masterFQDN=None,
        master_protocol="pb",
        hostconfig=None,
        autopull=False,
        alwaysPull=False,
        custom_context=False,
        encoding="gzip",
        target="",
        buildargs=None,
        hostname=None,
        **kwargs,
    ):
        self.docker_host = docker_host
        self.volumes = volumes or []
        self.followStartupLogs = followStartupLogs
        self.command = command or []
        self.dockerfile = dockerfile
        self.hostconfig = hostconfig or {}
        self.autopull = autopull
        self.alwaysPull = alwaysPull
        self.custom_context = custom_context
        self.encoding = encoding
        self.target = target
        self.buildargs = buildargs
        self.hostname = hostname
        self.client_args = {"base_url": docker_host}
        if version is not None:
            self.client_args["version"] = version
        if tls is not None:
            self.client_args["tls"] = tls
        return super().reconfigService(
            name, password, image, masterFQDN, master_protocol, **kwargs
        )

    @by_master
    def renderWorkerProps(self, build): ...

    @by_master
    def start_instance(self, build): ...

    @by_master
    def stop_instance(self, fast=False): ...

    @by_master
    def check_instance(self): ...
