"""Functions of older Pythons."""


def execfile(filename, globals, locals=None):
    with open(filename, "rb") as file:
        code = compile(file.read(), filename, "exec", dont_inherit=True)
    exec(code, globals, globals if locals is None else locals)


def nativeString(s):
    return s.decode("ascii") if isinstance(s, bytes) else s


def networkString(s):
    return s.encode("ascii")


def iteritems(d):
    return d.items()


def itervalues(d):
    return d.values()


unicode = str
