"""Reads the output of processes by lines."""

from __future__ import annotations


class LineBuffer:
    """Keeps the last line until it is complete."""

    def __init__(self):
        self._buffer = b""

    def add_data(self, data):
        """The lines that are complete now."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            yield line.rstrip(b"\r")

    def get_trailing_line(self):
        """The line that has no end, if any: a list."""
        line, self._buffer = self._buffer, b""
        return [line] if line else []


def __getattr__(name):
    if name != "LineProcessProtocol":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from twisted.internet import protocol

    class LineProcessProtocol(protocol.ProcessProtocol):
        """Calls `outLineReceived` and `errLineReceived` of subclasses."""

        def __init__(self):
            self._out_buffer = LineBuffer()
            self._err_buffer = LineBuffer()

        def outReceived(self, data):
            for line in self._out_buffer.add_data(data):
                self.outLineReceived(line)

        def errReceived(self, data):
            for line in self._err_buffer.add_data(data):
                self.errLineReceived(line)

        def processEnded(self, reason):
            for line in self._out_buffer.get_trailing_line():
                self.outLineReceived(line)
            for line in self._err_buffer.get_trailing_line():
                self.errLineReceived(line)

        def outLineReceived(self, line):
            raise NotImplementedError

        def errLineReceived(self, line):
            raise NotImplementedError

    LineProcessProtocol.__module__ = __name__
    LineProcessProtocol.__qualname__ = name
    globals()[name] = LineProcessProtocol
    return LineProcessProtocol
