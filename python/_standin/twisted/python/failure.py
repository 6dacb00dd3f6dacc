"""An exception that is carried around."""

import sys
import traceback


class Failure(BaseException):
    """Holds an exception: ``value``, ``type`` and its traceback."""

    def __init__(self, exc_value=None, exc_type=None, exc_tb=None, captureVars=False):
        if exc_value is None:
            exc_value = sys.exc_info()[1]
            if exc_value is None:
                raise NoCurrentExceptionError()
        if isinstance(exc_value, Failure):
            exc_value = exc_value.value
        elif not isinstance(exc_value, BaseException):
            exc_value = Exception(exc_value) if exc_type is None else exc_type(exc_value)
        self.value = exc_value
        self.type = type(exc_value)
        self.tb = exc_tb or exc_value.__traceback__

    def check(self, *errorTypes):
        for kind in errorTypes:
            if isinstance(kind, str):
                names = [f"{base.__module__}.{base.__qualname__}" for base in self.type.__mro__]
                if kind in names:
                    return kind
            elif isinstance(self.value, kind):
                return kind
        return None

    def trap(self, *errorTypes):
        found = self.check(*errorTypes)
        if not found:
            self.raiseException()
        return found

    def raiseException(self):
        raise self.value.with_traceback(self.tb)

    def throwExceptionIntoGenerator(self, g):
        return g.throw(self.value)

    def getErrorMessage(self):
        if isinstance(self.value, Failure):
            return self.value.getErrorMessage()
        return str(self.value)

    def getTraceback(self, elideFrameworkCode=0, detail="default"):
        return "".join(traceback.format_exception(self.type, self.value, self.tb))

    getBriefTraceback = getTraceback

    def getTracebackObject(self):
        return self.tb

    def printTraceback(self, file=None, elideFrameworkCode=False, detail="default"):
        print(self.getTraceback(), file=file or sys.stderr)

    printBriefTraceback = printTraceback
    printDetailedTraceback = printTraceback

    def cleanFailure(self):
        self.tb = None

    def __repr__(self):
        return f"<{__name__}.Failure {self.type.__module__}.{self.type.__qualname__}: {self.value}>"

    def __str__(self):
        return (
            f"[Failure instance: Traceback: {self.type}: {self.getErrorMessage()}]"
        )


class NoCurrentExceptionError(Exception):
    """A failure was made where no exception is being handled."""
