"""Workers in pods of a Kubernetes cluster."""

from __future__ import annotations

from buildbot._host.by_master import by_master, with_private
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.util.latent import CompatibleLatentWorkerMixin
from buildbot.worker.docker import DockerBaseWorker

__getattr__ = elsewhere(
    __name__,
    "LatentWorkerFailedToSubstantiate asyncSleep defer httpclientservice "
    "kubeclientservice",
)


class KubeError(RuntimeError):
    """The cluster refused something."""


class KubeJsonError(KubeError):
    """It said why in its usual form."""

    def __init__(self, code, response_json):
        super().__init__(response_json["message"])
        self.code = code
        self.json = response_json
        self.reason = response_json.get("reason")


class KubeTextError(KubeError):
    """It said something else."""

    def __init__(self, code, response):
        super().__init__(response)
        self.code = code


@with_private(
    "_create_pod",
    "_delete_pod",
    "_wait_for_pod_deletion",
    "_get_request_kwargs",
    "_raise_decode_failure_error",
)
class KubeLatentWorker(CompatibleLatentWorkerMixin, DockerBaseWorker):
    """One pod for each instance. Subclasses change the pod through the methods below."""

    instance = None
    _namespace = None
    _kube = None
    _kube_config = None

    @recorded
    def checkConfig(
        self,
        name,
        image="buildbot/buildbot-worker",
        namespace=None,
        masterFQDN=None,
        master_protocol="pb",
        kube_config=None,
        **kwargs,
    ):
        super().checkConfig(name, None, **kwargs)

    def reconfigService(
        self,
        name,
        image="buildbot/buildbot-worker",
        namespace=None,
        masterFQDN=None,
        master_protocol="pb",
        kube_config=None,
        **kwargs,
    ):
        if masterFQDN is None:
            masterFQDN = self.get_ip
        self._kube_config = kube_config
        self._namespace = namespace
        if namespace is None and kube_config is not None:
            self._namespace = kube_config.getConfig()["namespace"]
        return super().reconfigService(
            name,
            image=image,
            masterFQDN=masterFQDN,
            master_protocol=master_protocol,
            **kwargs,
        )

    # Each may return a Deferred.

    @by_master
    def getPodSpec(self, build): ...

    def getBuildContainerResources(self, build):
        return {}

    def get_build_container_volume_mounts(self, build):
        return []

    def get_affinity(self, build):
        return {}

    def get_node_selector(self, build):
        return {}

    def get_volumes(self, build):
        return []

    def getServicesContainers(self, build):
        return []

    @by_master
    def renderWorkerProps(self, build_props): ...

    @by_master
    def start_instance(self, build): ...

    @by_master
    def stop_instance(self, fast=False, reportFailure=True): ...
