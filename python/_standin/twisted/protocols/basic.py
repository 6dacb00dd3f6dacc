"""Protocol classes whose limits configurations set."""

from twisted.internet.protocol import Protocol


class NetstringReceiver(Protocol):
    MAX_LENGTH = 99999


class LineOnlyReceiver(Protocol):
    delimiter = b"\r\n"
    MAX_LENGTH = 16384


class LineReceiver(Protocol):
    delimiter = b"\r\n"
    MAX_LENGTH = 16384


class Int32StringReceiver(Protocol):
    MAX_LENGTH = 99999
