"""The connection to the master: frames, questions, signs of life.

Three threads: the reader takes frames off the socket, the main thread executes questions one
after the other, the third tells once a second that the process lives. User code runs in the main
thread only, so that a signal can break it off.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from queue import SimpleQueue

from buildbot._host import master_link
from buildbot._host.loop import loop
from buildbot._host.main import VERSION
from buildbot._host.places import is_in_users
from buildbot._host.questions import Answerer, BrokenOff, Refused, error_of
from buildbot._host.values import Values

_FRAME_MAX = 256 * 1024 * 1024
_BEAT_S = 1.0
_encode = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), check_circular=False, allow_nan=False
).encode


class Connection:
    """Whole frames on a socket. Sending is safe from any thread."""

    def __init__(self, fd):
        # Moved out of the way of programs that user code starts, and of its standard input.
        self.fd = os.dup(fd)
        if fd == 0:
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            os.close(null)
        else:
            os.close(fd)
        os.set_blocking(self.fd, True)
        self._lock = threading.Lock()
        self._main = threading.get_ident()
        # Whether the main thread is in the middle of a frame, where nothing may be raised.
        self.is_sending = False
        self.when_sent = None
        os.register_at_fork(after_in_child=self._in_fork)

    def _in_fork(self):
        """A forked process must not speak: the master would hear two voices."""
        try:
            os.close(self.fd)
        except OSError:
            pass
        self.fd = -1
        self._lock = threading.Lock()

    def send(self, message):
        text = _encode(message).encode("utf-8", "replace")
        self.send_frame(b"J", text)

    def send_stream(self, stream, data):
        self.send_frame(b"R", stream.to_bytes(8, "big") + data)

    def send_frame(self, kind, payload):
        length = len(payload) + 1
        if length > _FRAME_MAX:
            raise ValueError(f"a message of {length} bytes is larger than {_FRAME_MAX}")
        frame = memoryview(length.to_bytes(4, "big") + kind + payload)
        if threading.get_ident() != self._main:
            self._write(frame)
            return
        self.is_sending = True
        try:
            self._write(frame)
        finally:
            self.is_sending = False
        if self.when_sent is not None:
            when_sent, self.when_sent = self.when_sent, None
            when_sent()

    def _write(self, frame):
        with self._lock:
            if self.fd < 0:
                return
            while frame:
                written = os.write(self.fd, frame)
                frame = frame[written:]

    def read(self, count):
        """`count` bytes, or None at the end."""
        parts = []
        while count:
            part = os.read(self.fd, min(count, 1 << 20))
            if not part:
                return None
            parts.append(part)
            count -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def receive(self):
        """The kind and the payload of the next frame, or None at the end."""
        head = self.read(5)
        if head is None:
            return None
        length = int.from_bytes(head[:4], "big")
        if not 1 <= length <= _FRAME_MAX:
            raise ValueError(f"a frame of {length} bytes")
        payload = self.read(length - 1) if length > 1 else b""
        return None if payload is None else (head[4:], payload)


class _Question:
    """A question of the master that is not answered yet."""

    __slots__ = ("id", "body", "cancelled", "awaiting")

    def __init__(self, body):
        self.id = body["id"]
        self.body = body
        self.cancelled = False
        self.awaiting = None


class Host:
    """Answers the master's questions."""

    def __init__(self, fd):
        self.connection = Connection(fd)
        self.values = Values()
        self.answerer = Answerer(self)
        self.streams = {}
        self._pid = os.getpid()
        self._began = time.monotonic()
        self._questions = {}
        self._running = None
        self._running_since = 0.0
        self._asked = {}
        self._next_id = 1
        self._ids = threading.Lock()
        self._reactor = None

    def run(self):
        signal.signal(signal.SIGUSR1, self._break_off)
        # A key pressed in the terminal of the master is for the master.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        master_link.connect(self)
        self.connection.send(
            {
                "hello": VERSION,
                "python": sys.version.split()[0],
                "executable": sys.executable,
                "pid": self._pid,
            }
        )
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        while self._reactor is None:
            loop.turn()
            self._find_reactor()
        # Now Twisted's loop is the one of this process.
        loop.hand_over(self._in_reactor)
        self._reactor.run()
        _leave(0)

    # Who executes what.

    def _find_reactor(self):
        reactor = sys.modules.get("twisted.internet.reactor")
        if reactor is None:
            return
        from buildbot._host.standin import is_standin

        if not is_standin("twisted"):
            self._reactor = reactor

    def _in_reactor(self, function):
        self._reactor.callFromThread(function)

    def _soon(self, function):
        loop.call_soon(function)

    # The reader thread.

    def _read(self):
        try:
            while True:
                frame = self.connection.receive()
                if frame is None:
                    break
                kind, payload = frame
                if kind == b"J":
                    self._hear(json.loads(payload))
                elif kind == b"R":
                    self._hear_stream(int.from_bytes(payload[:8], "big"), payload[8:])
        except (OSError, ValueError) as problem:
            if os.getpid() == self._pid:
                sys.stderr.write(f"the connection to the master is broken: {problem}\n")
        # The master is gone, or has no more use for this process.
        _leave(0)

    def _hear(self, message):
        ask = message.get("ask")
        if ask is None:
            self._hear_answer(message)
        elif ask == "quit":
            self._soon(lambda: _leave(0))
            if self._running is not None:
                _leave(0)
        elif ask == "cancel":
            self._cancel(message)
        else:
            question = _Question(message)
            self._questions[question.id] = question
            self._soon(lambda: self._execute(question))

    def _hear_answer(self, message):
        answered = self._asked.pop(message.get("id"), None)
        if answered is not None:
            answered(message)

    def _hear_stream(self, stream, data):
        receive = self.streams.get(stream)
        if receive is not None:
            self._soon(lambda: receive(data))

    def _cancel(self, message):
        question = self._questions.get(message.get("of"))
        if question is not None:
            question.cancelled = True
            if self._running is not question:
                self._soon(lambda: self._give_up(question))
        if "id" in message:
            self.connection.send({"id": message["id"], "ok": True})

    # The heartbeat thread.

    def _beat(self):
        from buildbot._host.load import rss_kb

        while True:
            running = self._running
            busy_ms = 0
            if running is not None:
                busy_ms = round((time.monotonic() - self._running_since) * 1000)
            beat = {
                "busy": None if running is None else running.id,
                "busy_ms": busy_ms,
                "rss_kb": rss_kb(),
                "age_s": round(time.monotonic() - self._began, 1),
            }
            try:
                self.connection.send({"beat": beat})
            except OSError:
                return
            time.sleep(_BEAT_S)

    # The main thread.

    def _break_off(self, _number, frame):
        """Handles SIGUSR1: raises inside the question that is running.

        Code that goes on after it awaited, and calls that were put off, run outside of any question.
        """
        if os.getpid() != self._pid:
            return
        if self.connection.is_sending:
            self.connection.when_sent = lambda: self._break_off(_number, sys._getframe())
        elif self._running is not None or is_in_users(frame):
            raise BrokenOff("the master broke this call off: it took too long")

    def _execute(self, question):
        if question.cancelled:
            self._give_up(question)
            return
        try:
            try:
                self._running_since = time.monotonic()
                self._running = question
                result = self.answerer.answer(question.body)
            finally:
                self._running = None
        except BaseException as error:
            self._running = None
            self._fail(question, error)
            return
        finally:
            if os.getpid() != self._pid:
                # User code forked and came back here in the other process.
                os._exit(0)
        if result.deferred is None:
            self._succeed(question, result)
            return
        if question.cancelled:
            result.deferred.cancel()
            self._give_up(question)
            return
        question.awaiting = result.deferred
        self._send({"id": question.id, "awaits": True})
        result.deferred.addBoth(lambda value: self._awaited(question, result, value))

    def _awaited(self, question, result, value):
        """What the Deferred that a question waited for has brought."""
        question.awaiting = None
        if question.id not in self._questions:
            return None
        error = getattr(value, "value", None) if hasattr(value, "getTraceback") else None
        if error is not None:
            self._fail(question, error)
            return None
        try:
            try:
                self._running_since = time.monotonic()
                self._running = question
                result.settle(value)
            finally:
                self._running = None
        except BaseException as problem:
            self._running = None
            self._fail(question, problem)
        else:
            self._succeed(question, result)
        return None

    def _succeed(self, question, result):
        if self._questions.pop(question.id, None) is None:
            return
        answer = {"id": question.id, "ok": result.value}
        if result.objects:
            answer["objects"] = result.objects
        try:
            self._send(answer)
        except (ValueError, TypeError, RecursionError) as problem:
            self._send({"id": question.id, "error": error_of(problem)})
        if result.sent is not None:
            result.value = answer["ok"] = None
            result.sent()

    def _fail(self, question, error):
        if self._questions.pop(question.id, None) is not None:
            self._send({"id": question.id, "error": error_of(error)})

    def _give_up(self, question):
        awaiting, question.awaiting = question.awaiting, None
        self._fail(question, BrokenOff("the master gave this question up"))
        if awaiting is not None:
            awaiting.cancel()

    def _send(self, message):
        try:
            self.connection.send(message)
        except OSError:
            _leave(0)

    # Questions to the master.

    def ask(self, question, answered):
        """Asks the master; `answered` is called in the main thread with the answer's frame."""
        with self._ids:
            number = self._next_id
            self._next_id += 1
        self._asked[number] = lambda answer: self._soon(lambda: answered(answer))
        self._send({"id": number, **question})
        return number

    def ask_and_wait(self, question):
        answers = SimpleQueue()
        with self._ids:
            number = self._next_id
            self._next_id += 1
        self._asked[number] = answers.put
        self._send({"id": number, **question})
        return answers.get()


def _leave(code):
    """Ends the process without waiting for what user code may have left running."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    os._exit(code)


__all__ = ["Host", "Refused"]
