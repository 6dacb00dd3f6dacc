"""How a cluster of Kubernetes is reached."""

from __future__ import annotations

import os

from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.util.service import BuildbotService, SharedService, settled

__getattr__ = elsewhere(__name__, "Failure LineProcessProtocol config defer reactor service")


class KubeConfigLoaderBase(BuildbotService):
    """Base: a subclass says address, namespace and credentials in `getConfig`."""

    name = "KubeConfig"

    def getConfig(self):
        """master_url, namespace, headers …"""
        raise NotImplementedError

    def get_master_url(self):
        return settled(self.getConfig()["master_url"])

    def getAuthorization(self):
        return None

    def __str__(self):
        return f"{type(self).__name__}({hash(self)})"


class KubeHardcodedConfig(KubeConfigLoaderBase):
    """Everything is given."""

    def reconfigService(
        self,
        master_url=None,
        bearerToken=None,
        basicAuth=None,
        headers=None,
        cert=None,
        verify=None,
        namespace="default",
    ):
        self.config = {"master_url": master_url, "namespace": namespace, "headers": headers or {}}
        if basicAuth and bearerToken:
            raise RuntimeError("set one of basicAuth and bearerToken, not both")
        self.basicAuth = basicAuth
        self.bearerToken = bearerToken
        if cert is not None:
            self.config["cert"] = cert
        if verify is not None:
            self.config["verify"] = verify

    checkConfig = recorded(reconfigService)

    def getAuthorization(self):
        """A Deferred with the value of the header, or with None."""
        if self.basicAuth is not None:

            def basic(given):
                import base64

                pair = f"{given['user']}:{given['password']}".encode()
                return "Basic " + base64.b64encode(pair).decode()

            return self.renderSecrets(self.basicAuth).addCallback(basic)
        if self.bearerToken is not None:
            return self.renderSecrets(self.bearerToken).addCallback(lambda t: f"Bearer {t}")
        return settled()

    def getConfig(self):
        return self.config


class KubeCtlProxyConfigLoader(KubeConfigLoaderBase):
    """Goes through `kubectl proxy`, which the master starts."""

    kube_ctl_proxy_cmd = ["kubectl", "proxy"]

    @recorded
    def checkConfig(self, proxy_port=8001, namespace="default"):
        self.proxy_port = proxy_port
        self.namespace = namespace
        self.pp = None
        self.process = None

    def reconfigService(self, proxy_port=8001, namespace="default"):
        self.proxy_port = proxy_port
        self.namespace = namespace
        return settled()

    @by_master
    def ensure_subprocess_killed(self): ...

    @by_master
    def start_subprocess(self): ...

    def getConfig(self):
        return {
            "master_url": f"http://localhost:{self.proxy_port}",
            "namespace": self.namespace,
        }


class KubeInClusterConfigLoader(KubeConfigLoaderBase):
    """The master itself runs in the cluster."""

    kube_dir = "/var/run/secrets/kubernetes.io/serviceaccount/"
    kube_namespace_file = os.path.join(kube_dir, "namespace")
    kube_token_file = os.path.join(kube_dir, "token")
    kube_cert_file = os.path.join(kube_dir, "ca.crt")

    @recorded
    def checkConfig(self):
        if not os.path.exists(self.kube_dir):
            config_error(f"Not in kubernetes cluster (kube_dir not found: {self.kube_dir})")

    def reconfigService(self):
        with open(self.kube_token_file, encoding="utf-8") as file:
            token = file.read().strip()
        with open(self.kube_namespace_file, encoding="utf-8") as file:
            namespace = file.read().strip()
        self.config = {
            "master_url": self._address(),
            "headers": {"Authorization": f"Bearer {token}"},
            "namespace": namespace,
            "verify": self.kube_cert_file,
        }
        return settled()

    def _address(self):
        return os.environ["KUBERNETES_PORT"].replace("tcp", "https")

    def get_master_url(self):
        return settled(self._address())

    def getConfig(self):
        return self.config


class KubeClientService(SharedService):
    """Speaks to clusters for all workers; the master does it."""

    name = "KubeClientService"

    def __init__(self, *args, **kwargs):
        super().__init__()

    @by_master
    def register(self, worker, config): ...

    @by_master
    def unregister(self, worker): ...
