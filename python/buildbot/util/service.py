"""Base classes of what runs in a master as a named service: schedulers, workers, reporters …"""

from buildbot._host.record import Described, recorded

__all__ = ["BuildbotService"]


class BuildbotService(Described):
    """A named part of the configuration.

    The parameters stand in ``checkConfig`` and ``reconfigService``, as subclasses of users
    expect. ``checkConfig`` of a class of this package is decorated with ``recorded``.
    """

    compare_attrs = ("name", "_config_args", "_config_kwargs")
    name = None
    config_attr = "services"
    secrets = []

    def __init__(self, *args, **kwargs):
        name = kwargs.pop("name", None)
        if name is not None:
            self.name = name.decode() if isinstance(name, bytes) else name
        self._config_args = args
        self._config_kwargs = kwargs
        self.checkConfig(*args, **kwargs)
        if self.name is None:
            raise ValueError(f"{type(self)}: must pass a name to constructor")

    @recorded
    def checkConfig(self, *args, **kwargs):
        return None

    def reconfigService(self, name=None, *args, **kwargs):
        return None
