"""Small helpers."""

import os


def sibpath(path, sibling):
    """The file `sibling` in the folder of the file `path`."""
    return os.path.join(os.path.dirname(os.path.abspath(path)), sibling)


def mergeFunctionMetadata(f, g):
    import functools

    return functools.update_wrapper(g, f)


def untilConcludes(f, *a, **kw):
    return f(*a, **kw)


def println(*a):
    print(*a)
