"""The newer logging interface, on top of the same lines."""

from twisted.python import log as _log


class _Level:
    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"<LogLevel={self.name}>"


class LogLevel:
    debug = _Level("debug")
    info = _Level("info")
    warn = _Level("warn")
    error = _Level("error")
    critical = _Level("critical")

    @classmethod
    def levelWithName(cls, name):
        return getattr(cls, name)


class _Values(dict):
    def __missing__(self, key):
        return "{" + key + "}"


class Logger:
    """Writes events; ``format`` is filled in from the keywords."""

    def __init__(self, namespace=None, source=None, observer=None):
        self.namespace = namespace
        self.source = source
        self.observer = observer

    def __get__(self, instance, owner=None):
        return type(self)(self.namespace or owner.__module__, instance or owner, self.observer)

    def emit(self, level, format=None, **kwargs):
        text = "" if format is None else format
        try:
            text = text.format_map(_Values(kwargs, log_source=self.source))
        except Exception as problem:
            text = f"{text!r} ({problem})"
        event = dict(kwargs, log_level=level, log_format=format, log_namespace=self.namespace)
        if self.observer is not None:
            self.observer(event)
        else:
            _log._write(text)

    def debug(self, format=None, **kwargs):
        self.emit(LogLevel.debug, format, **kwargs)

    def info(self, format=None, **kwargs):
        self.emit(LogLevel.info, format, **kwargs)

    def warn(self, format=None, **kwargs):
        self.emit(LogLevel.warn, format, **kwargs)

    def error(self, format=None, **kwargs):
        self.emit(LogLevel.error, format, **kwargs)

    def critical(self, format=None, **kwargs):
        self.emit(LogLevel.critical, format, **kwargs)

    def failure(self, format, failure=None, level=LogLevel.critical, **kwargs):
        if failure is None:
            from twisted.python.failure import Failure

            failure = Failure()
        self.emit(level, format, log_failure=failure, **kwargs)
        _log._write(failure.getTraceback().rstrip("\n"))


globalLogPublisher = None
