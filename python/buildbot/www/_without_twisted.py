"""Just enough of Twisted's web classes to define pages where Twisted is not installed."""

from __future__ import annotations

NOT_DONE_YET = 1


class Error(Exception):
    """Ends a request with a status."""

    def __init__(self, code, message=None, response=None):
        self.status = code if isinstance(code, bytes) else b"%d" % code
        self.message = message
        self.response = response
        super().__init__(code, message, response)

    def __str__(self):
        return (self.status + b" " + (self.message or b"")).decode("utf-8", "replace")


class Resource:
    """A page, and the pages below it."""

    isLeaf = False

    def __init__(self):
        self.children = {}

    def putChild(self, path, child):
        self.children[path] = child

    def getChild(self, path, request):
        raise Error(404, b"not found")

    def getChildWithDefault(self, path, request):
        return self.children[path] if path in self.children else self.getChild(path, request)

    def render(self, request):
        method = getattr(self, "render_" + request.method.decode("ascii"), None)
        if method is None:
            raise Error(405, b"method not allowed")
        return method(request)
