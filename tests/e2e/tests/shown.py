"""Values as text, the same under every master: what depends on time, directory or release is replaced.

Put into the configurations of stories that compare what code of users gets.
"""

import dataclasses
import datetime
import time


def shown(value):
    """A value as text, with its types."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        if hasattr(value, "configured_on"):
            value.configured_on.sort(key=lambda one: one.builderid)
        fields = ", ".join(
            f"{field.name}={shown(getattr(value, field.name))}" for field in dataclasses.fields(value)
        )
        return f"{type(value).__name__}({fields})"
    if isinstance(value, dict):
        if "workerinfo" in value:
            value = {**value, "workerinfo": sorted(value["workerinfo"])}
        if "configured_on" in value:
            places = value["configured_on"]
            value = {**value, "configured_on": sorted(places, key=lambda one: one["builderid"])}
        pairs = sorted(value.items(), key=lambda pair: str(pair[0]))
        return "{" + ", ".join(f"{key!r}: {shown(part)}" for key, part in pairs) + "}"
    if isinstance(value, tuple):
        return "(" + ", ".join(shown(part) for part in value) + ",)"
    if hasattr(value, "total") and hasattr(value, "limit"):
        place = f"offset={value.offset}, total={value.total}, limit={value.limit}"
        return f"ListResult({place})[" + ", ".join(shown(part) for part in value) + "]"
    if isinstance(value, list):
        return "[" + ", ".join(shown(part) for part in value) + "]"
    if isinstance(value, datetime.datetime):
        return f"<instant {value.utcoffset()}>"
    if isinstance(value, int) and abs(value - time.time()) < 86_400:
        return "<now>"
    return repr(value)
