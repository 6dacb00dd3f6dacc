"""Steps as templates: what a configuration makes, and how builds get steps of their own."""

from __future__ import annotations

from buildbot._host.compare import ComparableMixin
from buildbot._host.declare import provides
from buildbot.config.errors import capture_config_errors
from buildbot.config.errors import error as config_error


def step_class_of(step):
    """The class that the user named, of a template or a step."""
    return getattr(type(step), "_step_class", type(step))


@provides("IBuildStepFactory")
class _BuildStepFactory(ComparableMixin):
    """Makes a step from its class and arguments, once for every build."""

    compare_attrs = ("factory", "args", "kwargs")

    def __init__(self, step_class, *args, **kwargs):
        self.factory = step_class
        self.args = args
        self.kwargs = kwargs

    # The step that a configuration made, if one did.
    _template = None

    @property
    def step_class(self):
        return self.factory

    def _describe_as(self):
        """A factory is described as the step that it makes."""
        if self._template is None:
            self._template = self.factory(*self.args, **self.kwargs)
        return self._template

    def buildStep(self):
        step = object.__new__(self.factory)
        step.__dict__["_made"] = (self.args, self.kwargs)
        step.__dict__["_place"] = None
        step.__init__(*self.args, **self.kwargs)
        return step


class BuildStepWrapperMixin:
    """What makes an instance a template: it is closed against changes once it is made."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        note_assigned(self)
        self.__class__ = _closed_class(type(self))


def _refuse_change(self, name, value):
    config_error(
        "Changes to attributes of a BuildStep instance are ignored, this is a bug. "
        "Use set_step_arg(name, value) for that."
    )
    object.__setattr__(self, name, value)


# Class → the class of its templates while they are made; the latter → once they are made.
_template_classes: dict = {}
_closed_classes: dict = {}


def _derived(name_of, bases, members):
    members["__module__"] = name_of.__module__
    members["__qualname__"] = name_of.__qualname__
    members["_step_class"] = name_of
    return type(name_of.__name__, bases, members)


def template_class(step_class):
    """The class of the templates of `step_class`; a template's template is of the same class."""
    made = _template_classes.get(step_class)
    if made is None:
        made = _derived(step_class, (BuildStepWrapperMixin, step_class), {})
        _template_classes[step_class] = made
    return made


def _closed_class(template_class):
    made = _closed_classes.get(template_class)
    if made is None:
        members = {"__setattr__": _refuse_change}
        made = _derived(template_class._step_class, (template_class,), members)
        _closed_classes[template_class] = made
    return made


_classes_of_ours: dict = {}
_parameters_of: dict = {}


def _class_of_ours(step_class):
    """The class of this package below a user's class with a constructor; None for other classes."""
    if step_class not in _classes_of_ours:
        found = None
        users = False
        for cls in step_class.__mro__:
            if not (cls.__module__ or "").startswith("buildbot."):
                users = users or "__init__" in vars(cls)
            elif hasattr(cls, "_params_names"):
                found = cls
                break
        _classes_of_ours[step_class] = found if users else None
    return _classes_of_ours[step_class]


def _constructed(step_class, given):
    """The attributes of a step of ours with these arguments; None if they do not make one."""
    step = object.__new__(step_class)
    step.__dict__["_made"] = ((), {})
    kwargs = {name: value for name, value in given.items() if not name.startswith("*")}
    try:
        with capture_config_errors():
            step.__init__(**kwargs)
    except Exception:
        return None
    return step.__dict__


def _parameters(step_class):
    """The names that constructors of this class and its bases understand."""
    names = _parameters_of.get(step_class)
    if names is None:
        names = set(step_class._params_names)
        for cls in step_class.__mro__:
            names.update(vars(cls).get("renderables", ()))
            code = getattr(vars(cls).get("__init__"), "__wrapped__", None)
            if code is not None:
                code = code.__code__
                names.update(code.co_varnames[1 : code.co_argcount])
        _parameters_of[step_class] = names
    return names


_PLAIN = (str, bytes, int, float, bool, type(None), list, tuple, dict)


def _same(value, other):
    """Whether two values are described alike; `==` of renderables is no comparison."""
    if value is other:
        return True
    return type(value) is type(other) and type(value) in _PLAIN and repr(value) == repr(other)


def note_assigned(step):
    """Notes what the constructor of a user's class did besides calling ours.

    Attributes that it assigned count as arguments; the names of logs that it observes are
    described too.
    """
    ours = _class_of_ours(step_class_of(step))
    if ours is None:
        return
    state = step.__dict__
    given = state.setdefault("_given", {})
    reference = _constructed(ours, given)
    if reference is None:
        return
    known = _parameters(ours)
    for name, value in state.items():
        name = "workdir" if name == "_workdir" else name
        if name not in known:
            continue
        stored = "_workdir" if name == "workdir" else name
        if stored not in reference or not _same(value, reference[stored]):
            given[name] = value
    theirs = [name for name, _observer in state["_pendingLogObservers"]]
    for name, _observer in reference["_pendingLogObservers"]:
        theirs.remove(name)
    if theirs:
        state["_described_extra"] = {"observes": sorted(set(theirs))}
