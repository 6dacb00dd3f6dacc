"""Workers as a configuration names them."""

from buildbot.worker.base import AbstractWorker, Worker
from buildbot.worker.latent import AbstractLatentWorker

__all__ = ["AbstractLatentWorker", "AbstractWorker", "Worker"]


def __getattr__(name):
    if name in ("base", "latent", "local", "protocols", "manager"):
        import importlib

        return importlib.import_module(f"buildbot.worker.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
