"""Tells what the classes that configurations use may be given; see src/parameters.rs.

Reads names.json from standard input and writes class → {"bases": […], "parameters": [[name, default], …]}.
A default stands as in the description of a configuration; {"$": "required"} if there is none, and
{"$": "other"} if it is an object. Defaults of what every step has are the attributes of its class.
"""

import ast
import inspect
import json
import sys
import textwrap

MODULES = (
    "buildbot.changes.",
    "buildbot.reporters.",
    "buildbot.schedulers.",
    "buildbot.secrets.providers.",
    "buildbot.steps.",
    "buildbot.worker.",
    "buildbot.www.auth",
    "buildbot.www.avatar",
    "buildbot.www.ldapuserinfo",
    "buildbot.www.oauth2",
)
REQUIRED = {"$": "required"}


def shown(value):
    if value is inspect.Parameter.empty:
        return REQUIRED
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, list):
        return [shown(item) for item in value]
    if isinstance(value, tuple):
        return {"$": "tuple", "v": [shown(item) for item in value]}
    if isinstance(value, dict):
        return {"$": "dict", "v": [[shown(key), shown(item)] for key, item in value.items()]}
    return {"$": "other"}


def taken_out(function):
    """What a constructor takes out of its `**kwargs`, one by one or in a loop over names and defaults."""
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple):
            if "kwargs.pop(" in ast.unparse(node):
                yield from ast.literal_eval(node.iter)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "kwargs.pop":
            if all(isinstance(argument, ast.Constant) for argument in node.args):
                name, default = node.args
                yield name.value, default.value


def passed_on(cls, method):
    """The parameters of `method`, and through `**kwargs` those of the bases."""
    found = {}
    for base in cls.__mro__:
        function = vars(base).get(method)
        if not inspect.isfunction(function):
            continue
        signature = inspect.signature(function)
        parameters = list(signature.parameters.values())[1:]
        for parameter in parameters:
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                found.setdefault(parameter.name, shown(parameter.default))
            elif parameter.kind == parameter.VAR_POSITIONAL and method == "__init__":
                if parameter.name not in ("args", "arg"):
                    found.setdefault("*" + parameter.name, {"$": "tuple", "v": []})
        if not any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters):
            return found, False
        for name, default in taken_out(inspect.unwrap(function)):
            found.setdefault(name, shown(default))
    return found, True


def parameters(cls):
    from buildbot.process.buildstep import BuildStep, ShellMixin
    from buildbot.util.service import BuildbotService

    if issubclass(cls, BuildbotService):
        # What has no checkConfig takes its arguments in __init__.
        found = {**passed_on(cls, "__init__")[0], **passed_on(cls, "checkConfig")[0]}
        # Both are called with what was given; the one that sets up has the last word on defaults.
        later = passed_on(cls, "reconfigService")[0]
        found.update((name, default) for name, default in later.items() if name in found)
        found.setdefault("name", REQUIRED)
        return found
    found, is_open = passed_on(cls, "__init__")
    if issubclass(cls, BuildStep) and is_open:
        for name in getattr(cls, "requestsParams", ()):
            found.setdefault(name, None)
        names = list(BuildStep._params_names)
        if issubclass(cls, ShellMixin):
            names += [name for name, _ in ShellMixin._shell_mixin_arg_config]
        for name in names:
            found.setdefault(name, shown(getattr(cls, name, None)))
    elif is_open:
        for name in getattr(cls, "resultConfig", ()):
            found.setdefault(name, shown(getattr(cls, name)))
    return found


def main():
    wanted = json.load(sys.stdin)["modules"]
    from importlib import import_module

    from buildbot._host import standin

    standin.install()
    found = {}
    for module_name, names in wanted.items():
        if not (module_name + ".").startswith(MODULES) and not module_name.startswith(MODULES):
            continue
        module = import_module(module_name)
        for name in names.split():
            thing = getattr(module, name, None)
            if not inspect.isclass(thing) or thing.__module__ != module_name:
                continue
            bases = [f"{base.__module__}.{base.__qualname__}" for base in thing.__mro__[:-1]]
            if not bases[0].startswith("buildbot."):
                continue
            found[bases[0]] = {"bases": bases, "parameters": list(parameters(thing).items())}
    json.dump(found, sys.stdout)


main()
