"""Latent machines that start and stop by commands, magic packets or requests."""

from __future__ import annotations

from buildbot._host.by_master import by_master, with_private
from buildbot._host.declare import provides
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded
from buildbot.config.errors import error as config_error
from buildbot.machine.latent import AbstractLatentMachine

__getattr__ = elsewhere(
    __name__,
    "IMachineAction config defer getSshArgsForKeys getSshKnownHostsContents "
    "httpclientservice implementer log misc private_tempdir runprocess",
)


class _Action(Described):
    """Something that starts or stops a machine."""

    @by_master
    def perform(self, manager): ...


def _is_action(value):
    if isinstance(value, _Action):
        return True
    import sys

    interfaces = sys.modules.get("buildbot.interfaces")
    return interfaces is not None and bool(interfaces.IMachineAction.providedBy(value))


class GenericLatentMachine(AbstractLatentMachine):
    """A machine with one action for each way."""

    @recorded
    def checkConfig(self, name, start_action, stop_action, **kwargs):
        super().checkConfig(name, **kwargs)
        for action, role in ((start_action, "start_action"), (stop_action, "stop_action")):
            if not _is_action(action):
                raise RuntimeError(f"{role} of {name} does not implement required interface")

    def reconfigService(self, name, start_action, stop_action, **kwargs):
        self.start_action = start_action
        self.stop_action = stop_action
        return super().reconfigService(name, **kwargs)

    def start_machine(self):
        return self.start_action.perform(self)

    def stop_machine(self):
        return self.stop_action.perform(self)


@by_master
def runProcessLogFailures(reactor, args, expectedCode=0): ...


class _LocalMachineActionMixin(_Action):
    def setupLocal(self, command):
        if not isinstance(command, list):
            config_error("command parameter must be a list")
        self._command = command


@with_private("_performImpl", "_prepareSshKeys")
class _SshActionMixin(_Action):
    def setupSsh(self, sshBin, host, remoteCommand, sshKey=None, sshHostKey=None):
        if not isinstance(sshBin, str):
            config_error("sshBin parameter must be a string")
        if not isinstance(host, str):
            config_error("host parameter must be a string")
        if not isinstance(remoteCommand, list):
            config_error("remoteCommand parameter must be a list")
        self._sshBin = sshBin
        self._host = host
        self._remoteCommand = remoteCommand
        self._sshKey = sshKey
        self._sshHostKey = sshHostKey


@provides("IMachineAction")
class LocalWakeAction(_LocalMachineActionMixin):
    """Runs a command beside the master."""

    @recorded
    def __init__(self, command):
        self.setupLocal(command)


class LocalWOLAction(LocalWakeAction):
    """Sends a magic packet."""

    @recorded
    def __init__(self, wakeMac, wolBin="wakeonlan"):
        super().__init__([wolBin, wakeMac])


@provides("IMachineAction")
class RemoteSshWakeAction(_SshActionMixin):
    """Runs a command on another host."""

    @recorded
    def __init__(self, host, remoteCommand, sshBin="ssh", sshKey=None, sshHostKey=None):
        self.setupSsh(sshBin, host, remoteCommand, sshKey=sshKey, sshHostKey=sshHostKey)


class RemoteSshWOLAction(RemoteSshWakeAction):
    """Has another host send a magic packet."""

    @recorded
    def __init__(
        self, host, wakeMac, wolBin="wakeonlan", sshBin="ssh", sshKey=None, sshHostKey=None
    ):
        super().__init__(
            host, [wolBin, wakeMac], sshBin=sshBin, sshKey=sshKey, sshHostKey=sshHostKey
        )


@provides("IMachineAction")
class RemoteSshSuspendAction(_SshActionMixin):
    """Suspends the other host."""

    @recorded
    def __init__(self, host, remoteCommand=None, sshBin="ssh", sshKey=None, sshHostKey=None):
        if remoteCommand is None:
            remoteCommand = ["systemctl", "suspend"]
        self.setupSsh(sshBin, host, remoteCommand, sshKey=sshKey, sshHostKey=sshHostKey)


@provides("IMachineAction")
class HttpAction(_Action):
    """Sends a request."""

    @recorded
    def __init__(
        self,
        url,
        method,
        params=None,
        data=None,
        json=None,
        headers=None,
        cookies=None,
        files=None,
        auth=None,
        timeout=None,
        allow_redirects=None,
        proxies=None,
    ):
        self.url = url
        self.method = method
        self.params = params
        self.data = data
        self.json = json
        self.headers = headers
        self.cookies = cookies
        self.files = files
        self.auth = auth
        self.timeout = timeout
        self.allow_redirects = allow_redirects
        self.proxies = proxies
