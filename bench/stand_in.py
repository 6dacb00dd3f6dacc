"""A master for one worker and one command, which confirms everything and keeps nothing.

    stand_in.py pb|msgpack_experimental_v7 PORT COMMAND...

Runs in the virtual environment of Buildbot. Says a line when it listens, starts the command at a
line of input, and answers with the seconds it took and the characters that came.
"""

import base64
import hashlib
import socket
import sys
import time

import msgpack
from twisted.cred import checkers, portal
from twisted.internet import defer, reactor, threads
from twisted.spread import pb

HOST = "127.0.0.1"


def serve_pb(port, command):
    """Twisted's own Perspective Broker."""
    class Bin(pb.Referenceable):
        received = 0

        def remote_update(self, updates):
            for update, _ in updates:
                self.received += len(update.get("stdout", ""))

        def remote_complete(self, failure):
            print(time.perf_counter() - self.started, self.received, flush=True)

    class Realm:
        def requestAvatar(self, name, mind, *interfaces):
            reactor.callLater(0, lambda: defer.ensureDeferred(attach(mind)))
            return pb.IPerspective, pb.Avatar(), lambda: None

    async def attach(mind):
        await mind.callRemote("print", "attached")
        builders = await mind.callRemote("setBuilderList", [("b", "b")])
        await threads.deferToThread(sys.stdin.readline)
        sink = Bin()
        sink.started = time.perf_counter()
        await builders["b"].callRemote("startCommand", sink, "1", "shell",
                                       {"command": command, "workdir": "build"})

    checker = checkers.InMemoryUsernamePasswordDatabaseDontUse(w=b"pw")
    reactor.listenTCP(port, pb.PBServerFactory(portal.Portal(Realm(), [checker])), interface=HOST)
    reactor.callWhenRunning(print, "listening", flush=True)
    reactor.run()


def serve_msgpack(port, command):
    """The messages of the protocol on a bare socket, for speed."""
    with socket.create_server((HOST, port)) as server:
        print("listening", flush=True)
        connection = server.accept()[0]
    stream = connection.makefile("rb", 1 << 20)
    headers = {}
    while line := stream.readline().strip():
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip()
    digest = hashlib.sha1(headers[b"sec-websocket-key"] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       b"Sec-WebSocket-Accept: " + base64.b64encode(digest.digest()) + b"\r\n\r\n")

    def send(**message):
        payload = msgpack.packb(message)
        length = len(payload)
        head = bytes([length]) if length < 126 else b"\x7e" + length.to_bytes(2, "big")
        connection.sendall(b"\x82" + head + payload)

    def receive():
        """The next message; frames that are no message are passed over."""
        while True:
            opcode, length = stream.read(2)
            size = {126: 2, 127: 8}.get(length & 127, 0)
            length = int.from_bytes(stream.read(size), "big") if size else length & 127
            mask, payload = stream.read(4), stream.read(length)
            if opcode != 0x82:
                continue
            # One long number each: by far the fastest way to unmask in Python.
            mask = (mask * (length // 4 + 1))[:length]
            plain = int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")
            message = msgpack.unpackb(plain.to_bytes(length, "big"))
            if message["op"] != "response":
                send(op="response", seq_number=message["seq_number"], result=None)
            return message

    send(op="print", seq_number=0, message="attached")
    send(op="get_worker_info", seq_number=1)
    while (message := receive()).get("seq_number") != 1:
        pass
    basedir = message["result"]["basedir"]
    newline = r"(\r\n|\r(?=.)|\033\[u|\033\[[0-9]+;[0-9]+[Hf]|\033\[2J|\x08+)"
    send(op="set_worker_settings", seq_number=2, args={
        "buffer_size": 65536, "buffer_timeout": 5, "max_line_length": 4096, "newline_re": newline})
    sys.stdin.readline()
    started, received = time.perf_counter(), 0
    send(op="start_command", seq_number=3, command_id="1", command_name="shell", builder_name="b",
         args={"command": command, "workdir": basedir, "want_stdout": True, "want_stderr": True})
    while (message := receive())["op"] != "complete":
        for key, value in message.get("args", ()):
            received += len(value[0]) if key == "stdout" else 0
    print(time.perf_counter() - started, received, flush=True)
    stream.read()


if __name__ == "__main__":
    protocol, port, *command = sys.argv[1:]
    (serve_pb if protocol == "pb" else serve_msgpack)(int(port), command)
