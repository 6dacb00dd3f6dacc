"""The REST API: the master's own, here by name only."""

from buildbot._host.internal import Internal

URL_ENCODED = b"application/x-www-form-urlencoded"
JSON_ENCODED = b"application/json"
JSONRPC_CODES = {
    "parse_error": -32700,
    "invalid_request": -32600,
    "method_not_found": -32601,
    "invalid_params": -32602,
    "internal_error": -32603,
}


class BadJsonRpc2(Exception):
    """A request that cannot be answered, with the code of the answer."""

    def __init__(self, message, jsonrpccode):
        super().__init__(message, jsonrpccode)
        self.message = message
        self.jsonrpccode = jsonrpccode


class ContentTypeParser(Internal):
    """Reads the header that names the kind of a body."""


class RestRootResource(Internal):
    """Everything below `/api`."""


class V2RootResource(Internal):
    """Everything below `/api/v2`."""

    isLeaf = True
    needsReconfig = True
