"""Exceptions of connections, timers and processes."""


class ConnectError(Exception):
    def __init__(self, osError=None, string=""):
        self.osError = osError
        super().__init__(string)


class ConnectionRefusedError(ConnectError):
    pass


class TimeoutError(ConnectError):
    pass


class UserError(Exception):
    pass


class ConnectionClosed(Exception):
    pass


class ConnectionLost(ConnectionClosed):
    pass


class ConnectionAborted(ConnectionLost):
    pass


class ConnectionDone(ConnectionClosed):
    pass


class ConnectingCancelledError(Exception):
    pass


class DNSLookupError(IOError):
    pass


class AlreadyCancelled(ValueError):
    pass


class AlreadyCalled(ValueError):
    pass


class ReactorNotRunning(RuntimeError):
    pass


class ReactorAlreadyRunning(AssertionError):
    pass


class ReactorNotRestartable(RuntimeError):
    pass


class ProcessExitedAlready(Exception):
    pass


class ProcessTerminated(ConnectionLost):
    def __init__(self, exitCode=None, signal=None, status=None):
        self.exitCode = exitCode
        self.signal = signal
        self.status = status
        text = "process ended"
        if exitCode is not None:
            text += f" with exit code {exitCode}"
        if signal is not None:
            text += f" by signal {signal}"
        super().__init__(text)


class ProcessDone(ConnectionDone):
    def __init__(self, status):
        self.exitCode = 0
        self.signal = None
        self.status = status
        super().__init__("process finished with exit code 0")
