"""Requests that custom reporters send: by the standard library, in threads."""

import base64
import http.server
import json
import sys
import threading
import unittest

import real_buildbot

sys.path.insert(0, real_buildbot.PYTHON)

import child

CONFIGURATION = """
from buildbot.util.httpclientservice import HTTPClientService, HTTPSession
from twisted.internet import defer


def answered(response):
    return response.content().addCallback(
        lambda body: [response.code, body.decode(), response.url]
    )


@defer.inlineCallbacks
def post(port):
    session = HTTPSession(
        HTTPClientService(""), f"http://127.0.0.1:{port}", auth=("joe", "x"), headers={"X-A": "1"}
    )
    response = yield session.post("/p", json={"a": [1]}, params={"q": "a b"})
    return (yield answered(response))


@defer.inlineCallbacks
def missing(port):
    service = HTTPClientService(f"http://127.0.0.1:{port}")
    response = yield service.get("/missing")
    return [response.code, (yield response.json())]


@defer.inlineCallbacks
def nobody():
    yield HTTPSession(HTTPClientService(""), "http://127.0.0.1:1").get("/")
"""


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.seen.append((self.path, dict(self.headers), body))
        self.answer(201, "thanks")

    def do_GET(self):
        self.answer(404, '{"no": "such"}')

    def answer(self, code, text):
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_args):
        pass


class Requests(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.seen = []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.child = child.Child()
        self.addCleanup(self.child.__exit__)
        self.functions = self.child.load_functions(CONFIGURATION)

    def call(self, name, *args):
        return self.child.ask(
            "call", fn=self.functions[name], args=list(args), kwargs={}, deadline_ms=20000
        )

    def test_a_session_adds_login_headers_and_json(self):
        port = self.server.server_address[1]
        answer = self.call("post", port)
        self.assertEqual(answer["ok"], [201, "thanks", f"http://127.0.0.1:{port}/p?q=a+b"])
        ((path, headers, body),) = self.server.seen
        self.assertEqual(path, "/p?q=a+b")
        self.assertEqual(json.loads(body), {"a": [1]})
        self.assertEqual(headers["Content-Type"], "application/json")
        self.assertEqual(headers["X-A"], "1")
        login = base64.b64decode(headers["Authorization"].split()[1])
        self.assertEqual(login, b"joe:x")

    def test_a_refusal_is_an_answer(self):
        answer = self.call("missing", self.server.server_address[1])
        self.assertEqual(answer["ok"], [404, {"$": "dict", "v": [["no", "such"]]}])

    def test_a_server_that_is_not_there_is_an_error(self):
        self.assertEqual(self.call("nobody")["error"]["type"], "urllib.error.URLError")


if __name__ == "__main__":
    unittest.main()
