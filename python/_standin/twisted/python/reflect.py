"""Names to objects."""

from importlib import import_module as _import_module


def namedModule(name):
    return _import_module(name)


def namedAny(name):
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found = _import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(f"No module named {name!r}")


namedObject = namedAny


def qual(clazz):
    return clazz.__module__ + "." + clazz.__qualname__


fullyQualifiedName = qual


def safe_repr(o):
    try:
        return repr(o)
    except Exception:
        return object.__repr__(o)


def safe_str(o):
    try:
        return str(o)
    except Exception:
        return object.__repr__(o)
