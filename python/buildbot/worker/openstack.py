"""Workers on virtual machines of OpenStack."""

from __future__ import annotations

from buildbot._host.by_master import by_master, with_private
from buildbot._host.elsewhere import elsewhere
from buildbot._host.modules import is_installed, module_or_none
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.util.latent import CompatibleLatentWorkerMixin
from buildbot.worker.latent import AbstractLatentWorker

ACTIVE = "ACTIVE"
BUILD = "BUILD"
DELETED = "DELETED"
UNKNOWN = "UNKNOWN"

_MODULES = {
    "client": "novaclient.client",
    "loading": "keystoneauth1.loading",
    "session": "keystoneauth1.session",
}


_elsewhere = elsewhere(
    __name__,
    "LatentWorkerFailedToSubstantiate config defer log threads unicode2bytes",
)


def __getattr__(name):
    if name in _MODULES:
        return module_or_none(_MODULES[name])
    return _elsewhere(name)


@with_private(
    "_constructClient",
    "_determineVolumeSize",
    "_getFlavor",
    "_getImage",
    "_parseBlockDevice",
    "_renderBlockDevice",
    "_start_instance",
    "_stop_instance",
)
class OpenStackLatentWorker(CompatibleLatentWorkerMixin, AbstractLatentWorker):
    """Starts servers of an image or of block devices."""

    instance = None
    _poll_resolution = 5

    @recorded
    def checkConfig(
        self,
        name,
        password,
        flavor,
        os_username=None,
        os_password=None,
        os_tenant_name=None,
        os_auth_url=None,
        os_user_domain=None,
        os_project_domain=None,
        os_auth_args=None,
        block_devices=None,
        region=None,
        image=None,
        meta=None,
        nova_args=None,
        client_version="2",
        **kwargs,
    ):
        if not is_installed("novaclient"):
            config_error(
                "The python module 'novaclient' is needed  to use a OpenStackLatentWorker. "
                "Please install 'python-novaclient' package."
            )
        if not is_installed("keystoneauth1"):
            config_error(
                "The python module 'keystoneauth1' is needed to use a OpenStackLatentWorker. "
                "Please install the 'keystoneauth1' package."
            )
        if block_devices is None and image is None:
            raise ValueError("One of block_devices or image must be given")
        if os_auth_args is None:
            if os_auth_url is None:
                config_error(
                    "Missing os_auth_url OpenStackLatentWorker and os_auth_args not provided."
                )
            if os_username is None or os_password is None:
                config_error(
                    "Missing os_username / os_password for OpenStackLatentWorker and "
                    "os_auth_args not provided."
                )
        elif os_auth_args.get("auth_url") is None:
            config_error("Missing 'auth_url' from os_auth_args for OpenStackLatentWorker")
        super().checkConfig(name, password, **kwargs)

    def reconfigService(
        self,
        name,
        password,
        flavor,
        os_username=None,
        os_password=None,
        os_tenant_name=None,
        os_auth_url=None,
        os_user_domain=None,
        os_project_domain=None,
        os_auth_args=None,
        block_devices=None,
        region=None,
        image=None,
        meta=None,
        nova_args=None,
        client_version="2",
        **kwargs,
    ):
        self.flavor = flavor
        self.client_version = client_version
        self.region_name = region
        self.block_devices = block_devices
        self.image = image
        self.meta = meta
        self.nova_args = nova_args or {}
        return super().reconfigService(name, password, **kwargs)

    @by_master
    def renderWorkerProps(self, build): ...

    @by_master
    def start_instance(self, build): ...

    @by_master
    def stop_instance(self, fast=False): ...
