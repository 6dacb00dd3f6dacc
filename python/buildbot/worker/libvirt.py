"""Workers on virtual machines of libvirt."""

from __future__ import annotations

from buildbot._host.by_master import by_master, with_private
from buildbot._host.elsewhere import elsewhere
from buildbot._host.modules import is_installed, module_or_none
from buildbot._host.record import Described, recorded
from buildbot.config.errors import error as config_error
from buildbot.worker.latent import AbstractLatentWorker


_elsewhere = elsewhere(
    __name__,
    "ConnectableThreadQueue LatentWorkerFailedToSubstantiate config defer log runprocess",
)


def __getattr__(name):
    if name == "libvirt":
        return module_or_none("libvirt")
    if name == "ThreadWithQueue":
        return _thread_with_queue()
    return _elsewhere(name)


def _thread_with_queue():
    from buildbot.util.queue import ConnectableThreadQueue

    class ThreadWithQueue(ConnectableThreadQueue):
        """Talks to one libvirt daemon."""

        def __init__(self, pool, uri, *args, **kwargs):
            self.pool = pool
            self.uri = uri
            super().__init__(*args, **kwargs)

    ThreadWithQueue.__qualname__ = "ThreadWithQueue"
    globals()["ThreadWithQueue"] = ThreadWithQueue
    return ThreadWithQueue


class _InMaster:
    @by_master
    def handle_connect_close(self, conn, reason, opaque): ...


def handle_connect_close(conn, reason, opaque):
    """Called by libvirt when a connection is lost."""
    _InMaster().handle_connect_close(conn, reason, opaque)


class ServerThreadPool:
    """The connections to libvirt daemons; the master keeps them."""

    def __init__(self):
        self.threads = {}

    @by_master
    def do(self, uri, func, *args, **kwargs): ...

    def is_connected(self, uri):
        return False

    def is_connecting(self, uri):
        return False

    @by_master
    def get_or_create_connection(self, uri): ...

    @by_master
    def reset_connection(self, uri): ...


threadpool = ServerThreadPool()


class Connection(Described):
    """Names a libvirt daemon, as configurations of old do."""

    @recorded
    def __init__(self, uri):
        self.uri = uri


@with_private("_get_domain", "_get_domain_id", "_pool_do", "_prepare_base_image")
class LibVirtWorker(AbstractLatentWorker):
    """A domain: one that exists, or one made from `xml`."""

    pool = threadpool
    metadata = '<auth username="{}" password="{}" master="{}"/>'
    ns = "http://buildbot.net/"
    metakey = "buildbot"
    # Configurations assign these two to the worker or set them in a class of their own.
    cheap_copy = True
    graceful_shutdown = False
    _described_own = ("cheap_copy", "graceful_shutdown")

    @recorded
    def __init__(
        self,
        name,
        password,
        hd_image=None,
        base_image=None,
        uri="system:///",
        xml=None,
        masterFQDN=None,
        **kwargs,
    ):
        super().__init__(name, password, **kwargs)
        if not is_installed("libvirt"):
            config_error("The python module 'libvirt' is needed to use a LibVirtWorker")
        self.uri = uri
        self.image = hd_image
        self.base_image = base_image
        self.xml = xml
        # Looking up the own name may take long; the master does it when none is given.
        self.masterFQDN = masterFQDN

    @by_master
    def start_instance(self, build): ...

    @by_master
    def stop_instance(self, fast=False): ...
