"""Descriptions of steps that are made while a build runs."""

from __future__ import annotations

from buildbot._host.describe import Describer, _ClassFacts

# Objects of such descriptions have numbers of their own, in the whole process.
_last = [0]


class DynamicSteps:
    """Describes values of running steps. What is new has numbers that nothing else has.

    `handles` are those of the build; they are forgotten with it.
    """

    def __init__(self, values, handles):
        self._values = values
        self._handles = handles

    def _describer(self):
        return _StepDescriber(self._values.loaded.describer, self._handles)

    def described(self, value):
        """(description of `value`, new objects: list of [number, object])."""
        describer = self._describer()
        described = describer.value(value)
        return described, describer.new_objects()

    def of_native(self, step):
        """A running step as the master can carry it out: its attributes are its arguments."""
        kind = getattr(type(step), "_step_class", type(step))
        facts = _ClassFacts(kind)
        given = dict(step.__dict__.get("_given", {}))
        for name in _parameters(kind, facts):
            stored = "_workdir" if name == "workdir" else name
            if stored in step.__dict__:
                given[name] = step.__dict__[stored]
            elif name not in given and hasattr(type(step), name) and name in facts.attrs:
                given[name] = getattr(step, name)
        if "masterWorkdir" in step.__dict__:
            # On the master the directory of the build means nothing.
            given["workdir"] = step.__dict__["masterWorkdir"]
        describer = self._describer()
        described = {
            "c": facts.name,
            "u": facts.users,
            "a": {
                name: describer.value(list(part) if name[0] == "*" else part)
                for name, part in given.items()
                if name not in _NOT_GIVEN
            },
        }
        return described, describer.new_objects()


# What has been asked already when a step runs.
_NOT_GIVEN = frozenset(["doStepIf", "hideStepIf", "locks", "name"])


def _parameters(kind, facts):
    from buildbot._host.step_templates import _parameters as of_class

    return of_class(facts._ours)


class _StepDescriber(Describer):
    def __init__(self, known, handles):
        super().__init__()
        self._known = known
        self._first = known.count() + _last[0]
        self.handles = handles

    def place(self, place):
        return None

    def _object(self, value):
        number = self._known._object_numbers.get(id(value))
        if number is not None:
            return {"$": "o", "n": number}
        return {"$": "o", "n": super()._object(value)["n"] + self._first}

    def new_objects(self):
        made = [[self._first + index, made] for index, made in enumerate(self.objects)]
        _last[0] += len(made)
        return made
