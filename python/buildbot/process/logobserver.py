"""Observers of logs: code that looks at the output of a command while it arrives."""

from __future__ import annotations

from buildbot._host.declare import provides
from buildbot._host.elsewhere import elsewhere

__getattr__ = elsewhere(__name__, "implementer interfaces")


@provides("ILogObserver")
class LogObserver:
    """Receives pieces of a log, each of one or more whole lines."""

    def setStep(self, step):
        self.step = step

    def setLog(self, loog):
        loog.subscribe(self.gotData)

    def gotData(self, stream, data):
        if data is None:
            self.finishReceived()
        elif stream is None or stream == "o":
            self.outReceived(data)
        elif stream == "e":
            self.errReceived(data)
        elif stream == "h":
            self.headerReceived(data)

    def logChunk(self, build, step, log, channel, text):
        """Nothing; part of the interface only."""

    def finishReceived(self):
        """Called when the log is finished."""

    def outReceived(self, data):
        """Called with text of the standard output, or of a log without streams."""

    def errReceived(self, data):
        """Called with text of the standard error."""

    def headerReceived(self, data):
        """Called with text that the worker and the master added."""


class LogLineObserver(LogObserver):
    """Receives a log line by line, without the ends of the lines."""

    stdoutDelimiter = "\n"
    stderrDelimiter = "\n"
    headerDelimiter = "\n"

    def __init__(self):
        super().__init__()
        self.max_length = 16384

    def setMaxLineLength(self, max_length):
        """Longer lines are dropped."""
        self.max_length = max_length

    def _lineReceived(self, data, delimiter, funcReceived):
        for line in data.rstrip().split(delimiter):
            if len(line) <= self.max_length:
                funcReceived(line)

    def outReceived(self, data):
        self._lineReceived(data, self.stdoutDelimiter, self.outLineReceived)

    def errReceived(self, data):
        self._lineReceived(data, self.stderrDelimiter, self.errLineReceived)

    def headerReceived(self, data):
        self._lineReceived(data, self.headerDelimiter, self.headerLineReceived)

    def outLineReceived(self, line):
        """Called with a line of the standard output."""

    def errLineReceived(self, line):
        """Called with a line of the standard error."""

    def headerLineReceived(self, line):
        """Called with a line of the headers."""


class LineConsumerLogObserver(LogLineObserver):
    """Sends (stream, line) into a generator, which is started by the first line."""

    def __init__(self, consumerFunction):
        super().__init__()
        self.generator = None
        self.consumerFunction = consumerFunction

    def feed(self, input):
        if self.generator is None:
            self.generator = self.consumerFunction()
            next(self.generator)
        self.generator.send(input)

    def outLineReceived(self, line):
        self.feed(("o", line))

    def errLineReceived(self, line):
        self.feed(("e", line))

    def headerLineReceived(self, line):
        self.feed(("h", line))

    def finishReceived(self):
        if self.generator is not None:
            self.generator.close()


class OutputProgressObserver(LogObserver):
    """Counts the characters of a log as a measure of progress."""

    length = 0

    def __init__(self, name):
        self.name = name

    def gotData(self, stream, data):
        if data:
            self.length += len(data)
        self.step.setProgress(self.name, self.length)


class BufferLogObserver(LogObserver):
    """Keeps the text of a log."""

    def __init__(self, wantStdout=True, wantStderr=False):
        super().__init__()
        self.stdout = [] if wantStdout else None
        self.stderr = [] if wantStderr else None

    def outReceived(self, data):
        if self.stdout is not None:
            self.stdout.append(data)

    def errReceived(self, data):
        if self.stderr is not None:
            self.stderr.append(data)

    def _get(self, chunks):
        if not chunks:
            return ""
        joined = "".join(chunks)
        chunks[:] = [joined]
        return joined

    def getStdout(self):
        return self._get(self.stdout)

    def getStderr(self):
        return self._get(self.stderr)
