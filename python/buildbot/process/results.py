"""Results of steps and builds, and how they combine."""

from __future__ import annotations

ALL_RESULTS = list(range(7))
SUCCESS, WARNINGS, FAILURE, SKIPPED, EXCEPTION, RETRY, CANCELLED = ALL_RESULTS
Results = ["success", "warnings", "failure", "skipped", "exception", "retry", "cancelled"]
MultipleResults = [
    "successes",
    "warnings",
    "failures",
    "skipped",
    "exceptions",
    "retries",
    "cancelled",
]

# From the best to the worst.
_SEVERITY = (SKIPPED, SUCCESS, WARNINGS, FAILURE, EXCEPTION, RETRY, CANCELLED)


def statusToString(status, count=1):
    """The word for a result; its plural when `count` is greater than one."""
    if status is None:
        return "not finished"
    if status < 0 or status >= len(Results):
        return "Invalid status"
    return (MultipleResults if count > 1 else Results)[status]


def worst_status(a, b):
    """The worse of two results; None when neither is a result."""
    for status in reversed(_SEVERITY):
        if status in (a, b):
            return status
    return None


def computeResultAndTermination(obj, result, previousResult):
    """What a step's `result` makes of the result so far, and whether it ends the sequence."""
    effect = result
    if result == FAILURE:
        effect = FAILURE if obj.flunkOnFailure else WARNINGS if obj.warnOnFailure else SUCCESS
    elif result == WARNINGS:
        effect = FAILURE if obj.flunkOnWarnings else WARNINGS if obj.warnOnWarnings else SUCCESS
    ends = result in (EXCEPTION, RETRY, CANCELLED) or (result == FAILURE and obj.haltOnFailure)
    return worst_status(previousResult, effect), bool(ends)


class ResultComputingConfigMixin:
    """The five switches that say what a result means for the whole."""

    haltOnFailure = False
    flunkOnWarnings = False
    flunkOnFailure = True
    warnOnWarnings = False
    warnOnFailure = False

    resultConfig = [
        "haltOnFailure",
        "flunkOnWarnings",
        "flunkOnFailure",
        "warnOnWarnings",
        "warnOnFailure",
    ]
