"""A master's side of the connection to a host, for tests."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile

import real_buildbot

HOST = os.path.join(real_buildbot.PYTHON, "host.py")


class Child:
    """A host process. Use as a context manager."""

    def __init__(self, python=sys.executable, environment=None):
        self.folder = tempfile.TemporaryDirectory()
        ours, theirs = socket.socketpair()
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [python, "-u", HOST, "--fd", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=self.output,
            env=environment,
            cwd=self.folder.name,
        )
        theirs.close()
        self.socket = ours
        self.socket.settimeout(60)
        self.last_id = 0
        self.said = []  # beats and announcements
        self.hello = self.receive()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.socket.close()
        self.process.wait(10)
        self.output.close()
        self.folder.cleanup()

    def receive(self):
        kind, payload = self.receive_frame()
        assert kind == b"J", kind
        return json.loads(payload)

    def receive_frame(self):
        head = self._read(5)
        return head[4:], self._read(int.from_bytes(head[:4], "big") - 1)

    def _read(self, count):
        found = b""
        while len(found) < count:
            part = self.socket.recv(count - len(found))
            if not part:
                raise EOFError("the child has gone")
            found += part
        return found

    def send(self, message):
        payload = b"J" + json.dumps(message).encode()
        self.socket.sendall(len(payload).to_bytes(4, "big") + payload)

    def begin(self, ask, **arguments):
        """Sends a question; returns its number."""
        self.last_id += 1
        self.send({"id": self.last_id, "ask": ask, **arguments})
        return self.last_id

    def answer(self, number, serve=None):
        """Waits for the answer; questions of the child are answered by `serve`, or refused."""
        while True:
            message = self.receive()
            if "ask" in message:
                reply = {"error": {"kind": "refused", "message": "not served"}}
                if serve is not None:
                    reply = serve(message)
                self.send({"id": message["id"], **reply})
            elif message.get("id") == number and "awaits" not in message:
                return message
            else:
                self.said.append(message)

    def wait_until(self, fits):
        """Waits for something that the child says by itself."""
        while True:
            message = self.receive()
            self.said.append(message)
            if fits(message):
                return message

    def ask(self, ask, serve=None, **arguments):
        return self.answer(self.begin(ask, **arguments), serve)

    def load(self, text, name="master.cfg"):
        """Loads a configuration of this text; returns its description."""
        with open(os.path.join(self.folder.name, name), "w", encoding="utf-8") as file:
            file.write(text)
        answer = self.ask("load", basedir=self.folder.name, file=name)
        if "ok" not in answer:
            raise AssertionError(answer)
        return answer["ok"]

    def load_functions(self, text):
        """Loads functions; returns name → handle."""
        listed = "\nBuildmasterConfig = {k: v for k, v in globals().items() if callable(v)}\n"
        described = self.load(text + listed)
        if described["fatal"]:
            raise AssertionError(described["fatal"])
        return {name: value["h"] for name, value in described["config"].items() if "h" in value}

    def break_off(self):
        os.kill(self.process.pid, signal.SIGUSR1)
