"""Logs of a running step, as its code sees them."""

from __future__ import annotations

import re

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere

__getattr__ = elsewhere(__name__, "defer lineboundaries log util")


class _Subscription:
    """What `Log.subscribe` returns; it can be given back."""

    def __init__(self, callbacks, callback):
        self._callbacks = callbacks
        self._callback = callback
        callbacks.append(callback)

    def unsubscribe(self):
        if self._callback in self._callbacks:
            self._callbacks.remove(self._callback)


class Log:
    """A log. Text that is not yet a whole line waits for its end.

    Subscribers get whole lines before the master stores them. What the master itself writes into
    the log (the output of a command) comes through `observed`.
    """

    _byType: dict = {}
    _session = None

    def __init__(self, master, name, type, logid, decoder):
        self.type = type
        self.logid = logid
        self.master = master
        self.name = name
        self.decoder = decoder
        self.subscriptions = {}
        self.finished = False
        self._finishing = False
        self._had_errors = False
        self._callbacks = []

    @staticmethod
    def _decoderFromString(cfg):
        """A function that decodes; unknown bytes are replaced."""
        if isinstance(cfg, str):
            return lambda data: data.decode(cfg, "replace")
        return cfg

    @classmethod
    def new(cls, master, name, type, logid, logEncoding):
        """A log of the kind that `type` names."""
        made = cls._byType.get(type)
        if made is None:
            raise RuntimeError(f"Invalid log type {type!r}")
        return made(master, name, type, logid, cls._decoderFromString(logEncoding))

    def getName(self):
        return self.name

    def subscribe(self, callback):
        """Calls `callback(stream, text)` with lines, and with (None, None) at the end."""
        return _Subscription(self._callbacks, callback)

    def observed(self, stream, text):
        """Shows to subscribers what the log contains."""
        for callback in list(self._callbacks):
            try:
                callback(stream, text)
            except Exception:
                self._had_errors = True
                self._tell_of_error()

    def _tell_of_error(self):
        import traceback

        if self._session is not None:
            runtime.tell(self, "observerFailed", traceback=traceback.format_exc())

    def addRawLines(self, lines):
        """Stores lines, each with the letter of its stream in front."""
        assert not self.finished
        return runtime.ask(self, "addRawLines", logid=self.logid, lines=lines)

    def had_errors(self):
        """Whether a subscriber raised an exception."""
        return self._had_errors

    def _decoded(self, text):
        return text if isinstance(text, str) else self.decoder(text)

    @runtime.inline
    def flush(self):
        return None
        yield

    @runtime.inline
    def finish(self):
        """Ends the log; subscribers have seen all of it afterwards."""
        assert not self._finishing, "Did you maybe forget to yield the method?"
        self._finishing = True
        yield self.flush()
        yield runtime.ask(self, "finishLog", logid=self.logid)
        self.observed(None, None)
        self.finished = True


def _line_boundaries():
    from buildbot.util.lineboundaries import LineBoundaryFinder

    return LineBoundaryFinder()


class PlainLog(Log):
    """A log without streams."""

    def __init__(self, master, name, type, logid, decoder):
        super().__init__(master, name, type, logid, decoder)
        self.lbf = _line_boundaries()

    @runtime.inline
    def addContent(self, text):
        assert not self.finished
        lines = self.lbf.append(self._decoded(text))
        if lines:
            self.observed(None, lines)
            yield runtime.ask(self, "appendLines", stream=None, text=lines)

    @runtime.inline
    def flush(self):
        lines = self.lbf.flush()
        if lines:
            self.observed(None, lines)
            yield runtime.ask(self, "appendLines", stream=None, text=lines)


class TextLog(PlainLog):
    """Plain text."""


class HtmlLog(PlainLog):
    """A page or a part of one."""


class StreamLog(Log):
    """Output of a command: the streams `o`, `e` and `h`."""

    pat = re.compile("^", re.MULTILINE)

    def __init__(self, step, name, type, logid, decoder):
        super().__init__(step, name, type, logid, decoder)
        self.lbfs = {}

    def _getLbf(self, stream):
        finder = self.lbfs.get(stream)
        if finder is None:
            finder = self.lbfs[stream] = _line_boundaries()
        return finder

    @runtime.inline
    def _on_whole_lines(self, stream, lines):
        assert not self.finished
        self.observed(stream, lines)
        yield runtime.ask(self, "appendLines", stream=stream, text=lines)

    def split_lines(self, stream, text):
        """`text` with the letter of the stream in front of each line."""
        return self.pat.sub(stream, text.removesuffix("\n") if text else text) + "\n"

    @runtime.inline
    def _add(self, stream, text):
        lines = self._getLbf(stream).append(self._decoded(text))
        if lines:
            yield self._on_whole_lines(stream, lines)

    def addStdout(self, text):
        return self._add("o", text)

    def addStderr(self, text):
        return self._add("e", text)

    def addHeader(self, text):
        return self._add("h", text)

    def add_stdout_lines(self, text):
        return self._on_whole_lines("o", text)

    def add_stderr_lines(self, text):
        return self._on_whole_lines("e", text)

    def add_header_lines(self, text):
        return self._on_whole_lines("h", text)

    @runtime.inline
    def flush(self):
        for stream, finder in list(self.lbfs.items()):
            lines = finder.flush()
            if lines:
                yield self._on_whole_lines(stream, lines)


Log._byType.update(t=TextLog, h=HtmlLog, s=StreamLog)
