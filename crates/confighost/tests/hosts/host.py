"""A small host for tests of what the real one never does: it executes the text that it is asked to call.

Tests put lines before this text that set HELLO and BEAT_S.
"""

import json
import os
import signal
import socket
import sys
import threading
import time
import traceback

HELLO = globals().get("HELLO", {})
BEAT_S = globals().get("BEAT_S", 0.05)


class Late(BaseException):
    pass


class Host:
    def __init__(self):
        connection = os.dup(0)
        devnull = os.open(os.devnull, os.O_RDONLY)
        os.dup2(devnull, 0)
        os.close(devnull)
        self.socket = socket.socket(fileno=connection)
        self.lock = threading.Lock()
        self.busy = None
        self.begun = 0.0
        self.answers = {}

    def send(self, message):
        text = json.dumps(message).encode()
        self.raw(b"J" + text)

    def raw(self, content):
        with self.lock:
            self.socket.sendall(len(content).to_bytes(4, "big") + content)

    def read(self, length):
        found = bytearray()
        while len(found) < length:
            piece = self.socket.recv(min(length - len(found), 1 << 20))
            if not piece:
                os._exit(0)
            found += piece
        return bytes(found)

    def receive(self):
        content = self.read(int.from_bytes(self.read(4), "big"))
        if content[:1] == b"J":
            return json.loads(content[1:])
        return {"ask": "data", "stream": int.from_bytes(content[1:9], "big"), "bytes": content[9:]}

    def beats(self):
        while True:
            busy = self.busy
            elapsed = (time.monotonic() - self.begun) * 1000 if busy else 0
            self.send({"beat": {"busy": busy, "busy_ms": elapsed, "rss_kb": 1, "age_s": 0.5}})
            time.sleep(BEAT_S)

    def late(self, _number, _frame):
        if self.busy is not None:
            raise Late("too late")

    def answer(self, question):
        kind = question["ask"]
        if kind == "quit":
            os._exit(0)
        if kind in ("cancel", "data"):
            if kind == "data":
                self.raw(b"R" + question["stream"].to_bytes(8, "big") + question["bytes"].upper())
            return
        self.busy, self.begun = question["id"], time.monotonic()
        try:
            names = {"host": self, "id": question["id"]}
            if kind == "load":
                with open(os.path.join(question["basedir"], question["file"])) as file:
                    exec(file.read(), names)
                result = names["result"]
            else:
                exec(question["args"][0], names)
                result = names.get("result")
            answer = {"ok": result}
        except Late:
            answer = {"error": {"kind": "deadline", "type": "Late", "message": "too late",
                                "traceback": traceback.format_exc(), "at": None}}
        except SystemExit as error:
            answer = {"error": {"kind": "exit", "type": "SystemExit", "message": str(error)}}
        except Exception as error:
            answer = {"error": {"kind": "exception", "type": type(error).__name__, "message": str(error),
                                "traceback": traceback.format_exc(), "at": ["master.cfg", 3]}}
        finally:
            self.busy = None
        if result_is_kept(answer):
            self.send({"id": question["id"], **answer})


def result_is_kept(answer):
    return answer.get("ok") != "no answer"


def main():
    host = Host()
    signal.signal(signal.SIGUSR1, host.late)
    hello = {"hello": 1, "python": sys.version.split()[0], "executable": sys.executable, "pid": os.getpid()}
    hello.update(HELLO)
    host.send(hello)
    threading.Thread(target=host.beats, daemon=True).start()
    while True:
        host.answer(host.receive())


main()
