"""Builds that people ask for, and the fields of the form in which they do."""

from __future__ import annotations

import re

from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded
from buildbot.config.errors import error as config_error
from buildbot.schedulers import base

__getattr__ = elsewhere(__name__, "Properties config defer identifiers")

VALID_EMAIL_ADDR = re.compile(r"(?:\S+@[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)+\.?)")

# The source of properties that come from a form.
_SOURCE = "Force Build Form"

_RESERVED = ("owner", "builderNames", "builderid")


class ValidationError(ValueError):
    """What somebody entered is no good; the text is shown to them."""


class CollectedValidationError(ValueError):
    """Several fields are no good: field name → text."""

    def __init__(self, errors):
        self.errors = errors
        super().__init__("\n".join(f"{name}:{text}" for name, text in errors.items()))


class ValidationErrorCollector:
    """Gathers the errors of all fields, so that a form shows them together."""

    def __init__(self):
        self.errors = {}

    def collectValidationErrors(self, name, fn, *args, **kwargs):
        """A Deferred with the result of `fn`, or with None when the value was no good."""
        from buildbot._host.deferreds import defer_module

        def failed(failure):
            if failure.check(CollectedValidationError):
                self.errors.update(failure.value.errors)
            elif failure.check(ValueError):
                self.errors[name] = str(failure.value)
            else:
                return failure
            return None

        return defer_module().maybeDeferred(fn, *args, **kwargs).addErrback(failed)

    def maybeRaiseCollectedErrors(self):
        if self.errors:
            raise CollectedValidationError(self.errors)


# Says that a field of a codebase was left to its default, because None leaves it out.
DefaultField = object()


def _all_spec_attributes(cls):
    names = []
    for ancestor in reversed(cls.__mro__):
        for name in ancestor.__dict__.get("spec_attributes", ()):
            if name not in names:
                names.append(name)
    return names


class BaseParameter(Described):
    """One field of the form. Every further keyword becomes an attribute."""

    spec_attributes = [
        "name",
        "fullName",
        "label",
        "tablabel",
        "type",
        "default",
        "required",
        "multiple",
        "regex",
        "hide",
        "maxsize",
        "autopopulate",
        "tooltip",
    ]
    name = ""
    parentName = None
    label = ""
    tablabel = ""
    type = ""
    default = ""
    required = False
    multiple = False
    regex = None
    debug = True
    hide = False
    maxsize = None
    autopopulate = None
    tooltip = ""

    @property
    def fullName(self):
        """The name with those of the groups around it; None for a field without a name."""
        parts = [part for part in (self.parentName, self.name) if part]
        if len(parts) == 2:
            return parts[0] + "_" + parts[1]
        return parts[0] if parts else None

    def setParent(self, parent):
        self.parentName = None if parent is None else parent.fullName

    @recorded
    def __init__(self, name, label=None, tablabel=None, regex=None, **kw):
        if name in _RESERVED:
            config_error(f"{name} cannot be used as a parameter name, because it is reserved")
        self.name = name
        self.label = name if label is None else label
        self.tablabel = self.label if tablabel is None else tablabel
        if regex:
            self.regex = re.compile(regex)
        if "value" in kw:
            config_error(
                f"Use default='{kw['value']}' instead of value=... "
                "to give a default Parameter value"
            )
        self.__dict__.update(kw)

    def getFromKwargs(self, kwargs):
        """The value out of what was submitted; ValidationError if it is no good."""
        entered = kwargs.get(self.fullName, [])
        entered = [value for value in entered if not (isinstance(value, str) and not value.strip())]
        if not entered:
            if self.required:
                raise ValidationError(f"'{self.label}' needs to be specified")
            entered = self.default if self.multiple else [self.default]
        if self.regex:
            for value in entered:
                if not self.regex.match(value):
                    raise ValidationError(
                        f"{self.label}:'{value}' does not match pattern '{self.regex.pattern}'"
                    )
        if self.maxsize is not None:
            for value in entered:
                if len(value) > self.maxsize:
                    raise ValidationError(
                        f"{self.label}: is too large {len(value)} > {self.maxsize}"
                    )
        value = self.parse_from_args(entered)
        if value is None:
            raise ValidationError(f"need {self.fullName}: no default provided by config")
        return value

    def updateFromKwargs(self, properties, kwargs, collector, **unused):
        """Takes the value over into `properties`."""
        properties[self.name] = self.getFromKwargs(kwargs)

    def evaluate(self, kwargs, master=None):
        """For the master, when this field is of a user's class: a Deferred with what it makes
        of a form, as ``{"properties", "sourcestamps", "errors"}``, the last by full name.
        """
        from buildbot._host.deferreds import deferred

        return deferred(self._evaluate(kwargs, master))

    def _evaluate(self, kwargs, master):
        found = {"properties": {}, "sourcestamps": {}}
        collector = ValidationErrorCollector()
        yield collector.collectValidationErrors(
            self.fullName,
            self.updateFromKwargs,
            master=master,
            changes=[],
            collector=collector,
            kwargs=kwargs,
            **found,
        )
        found["errors"] = collector.errors
        return found

    def parse_from_args(self, l):  # noqa: E741
        if self.multiple:
            return [self.parse_from_arg(value) for value in l]
        return self.parse_from_arg(l[0])

    def parse_from_arg(self, s):
        return s

    def getSpec(self):
        """What a form needs to know of this field."""
        return {name: getattr(self, name) for name in _all_spec_attributes(type(self))}


class FixedParameter(BaseParameter):
    """Nobody enters it; it has its default."""

    type = "fixed"
    hide = True
    default = ""

    def parse_from_args(self, l):  # noqa: E741
        return self.default


class StringParameter(BaseParameter):
    """One line of text."""

    spec_attributes = ["size"]
    type = "text"
    size = 10

    def parse_from_arg(self, s):
        return s


class TextParameter(StringParameter):
    """Several lines of text."""

    spec_attributes = ["cols", "rows"]
    type = "textarea"
    cols = 80
    rows = 20

    def value_to_text(self, value):
        return str(value)


class IntParameter(StringParameter):
    """A whole number."""

    type = "int"
    default = 0
    parse_from_arg = int


class BooleanParameter(BaseParameter):
    """A box to tick."""

    type = "bool"

    def getFromKwargs(self, kwargs):
        return kwargs.get(self.fullName, [self.default]) == [True]


class UserNameParameter(StringParameter):
    """Who asks; with an address unless `need_email` is off."""

    spec_attributes = ["need_email"]
    type = "username"
    default = ""
    size = 30
    need_email = True

    @recorded
    def __init__(self, name="username", label="Your name:", **kw):
        super().__init__(name, label, **kw)

    def parse_from_arg(self, s):
        if not s and not self.required:
            return s
        if self.need_email and not VALID_EMAIL_ADDR.search(s):
            raise ValidationError(
                f"{self.name}: please fill in email address in the form 'User <email@email.com>'"
            )
        return s


class ChoiceStringParameter(BaseParameter):
    """One text of a list, or several with `multiple`."""

    spec_attributes = ["choices", "strict"]
    type = "list"
    choices = []
    strict = True

    def parse_from_arg(self, s):
        if self.strict and s not in self.choices:
            raise ValidationError(
                f"'{s}' does not belong to list of available choices '{self.choices}'"
            )
        return s

    def getChoices(self, master, scheduler, buildername):
        return self.choices


class InheritBuildParameter(ChoiceStringParameter):
    """Takes all properties of an earlier build, chosen of those that `compatible_builds` names."""

    type = ChoiceStringParameter.type
    name = "inherit"
    compatible_builds = None

    def getChoices(self, master, scheduler, buildername):
        return self.compatible_builds(master.status, buildername)

    def getFromKwargs(self, kwargs):
        raise ValidationError("InheritBuildParameter can only be used by properties")

    @by_master
    def updateFromKwargs(self, master, properties, changes, kwargs, **unused): ...


class WorkerChoiceParameter(ChoiceStringParameter):
    """Names the worker that must build, unless it is left to `anySentinel`."""

    anySentinel = "-any-"
    label = "Worker"
    required = False
    strict = False

    @recorded
    def __init__(self, name="workername", **kwargs):
        super().__init__(name, **kwargs)

    def updateFromKwargs(self, kwargs, **unused):
        chosen = self.getFromKwargs(kwargs)
        if chosen == self.anySentinel:
            return None
        return super().updateFromKwargs(kwargs=kwargs, **unused)

    @by_master
    def getChoices(self, master, scheduler, buildername): ...


class FileParameter(BaseParameter):
    """The content of a file."""

    type = "file"
    maxsize = 1024 * 1024 * 10


class NestedParameter(BaseParameter):
    """A group of fields, whose names begin with the name of the group."""

    spec_attributes = ["layout", "columns"]
    type = "nested"
    layout = "vertical"
    fields = None
    columns = None

    @recorded
    def __init__(self, name, fields, **kwargs):
        super().__init__(fields=fields, name=name, **kwargs)
        if self.columns is None:
            visible = [field for field in fields if not field.hide]
            self.columns = 1 if len(visible) < 4 else 2
        if self.columns > 4:
            config_error("UI only support up to 4 columns in nested parameters")
        self.setParent(None)

    def setParent(self, parent):
        super().setParent(parent)
        for field in self.fields:
            field.setParent(self)

    def collectChildProperties(self, kwargs, properties, collector, **kw):
        """A Deferred with the values of the fields by name."""
        from buildbot._host.deferreds import deferred

        def collect():
            values = {}
            for field in self.fields:
                yield collector.collectValidationErrors(
                    field.fullName,
                    field.updateFromKwargs,
                    kwargs=kwargs,
                    properties=values,
                    collector=collector,
                    **kw,
                )
            return values

        return deferred(collect())

    def updateFromKwargs(self, kwargs, properties, collector, **kw):
        """Puts the values below the name of the group, or beside it if it has none."""

        def take(values):
            if self.name:
                properties.setdefault(self.name, {}).update(values)
            else:
                properties.update(values)

        return self.collectChildProperties(
            kwargs=kwargs, properties=properties, collector=collector, **kw
        ).addCallback(take)

    def getSpec(self):
        spec = super().getSpec()
        spec["fields"] = [field.getSpec() for field in self.fields]
        return spec


ParameterGroup = NestedParameter


class AnyPropertyParameter(NestedParameter):
    """A property whose name is entered, too."""

    type = NestedParameter.type

    @recorded
    def __init__(self, name, **kw):
        fields = [
            StringParameter(name="name", label="Name:"),
            StringParameter(name="value", label="Value:"),
        ]
        super().__init__(name, label="", fields=fields, **kw)

    def getFromKwargs(self, kwargs):
        raise ValidationError("AnyPropertyParameter can only be used by properties")

    def updateFromKwargs(self, master, properties, kwargs, collector, **kw):
        def take(values):
            name, value = values.get("name"), values.get("value")
            if not name:
                return
            validation = {} if master is None else master.config.validation
            for kind, text in (("property_name", name), ("property_value", value)):
                if kind in validation and not validation[kind].match(text):
                    raise ValidationError(f"bad property name='{name}', value='{value}'")
            properties[name] = value

        return self.collectChildProperties(
            master=master, properties=properties, kwargs=kwargs, collector=collector, **kw
        ).addCallback(take)


class CodebaseParameter(NestedParameter):
    """Branch, revision, repository and project of one codebase, and perhaps a patch."""

    type = NestedParameter.type
    codebase = ""

    @recorded
    def __init__(
        self,
        codebase,
        name=None,
        label=None,
        branch=DefaultField,
        revision=DefaultField,
        repository=DefaultField,
        project=DefaultField,
        patch=None,
        **kwargs,
    ):
        if label is None and codebase:
            label = "Codebase: " + codebase
        chosen = {
            "branch": branch,
            "project": project,
            "repository": repository,
            "revision": revision,
        }
        fields = []
        for key, field in chosen.items():
            if field is DefaultField:
                field = StringParameter(name=key, label=key.capitalize() + ":")
            elif isinstance(field, str):
                field = FixedParameter(name=key, default=field)
            if field is not None:
                fields.append(field)
        if patch is not None:
            if patch.name != "patch":
                config_error("patch parameter of a codebase must be named 'patch'")
            fields.append(patch)
            if self.columns is None:
                self.columns = 1
        super().__init__(
            name=codebase if name is None else name,
            label=label,
            codebase=codebase,
            fields=fields,
            **kwargs,
        )

    def createSourcestamp(self, properties, kwargs):
        """Overridden by those who have to compute what is to be built."""
        return {}

    def updateFromKwargs(self, sourcestamps, kwargs, properties, collector, **kw):
        def take(values):
            stamp = sourcestamps.setdefault(self.codebase, {})
            stamp.update(values)
            for key, value in stamp.pop("patch", {}).items():
                stamp[f"patch_{key}"] = value
            stamp.update(self.createSourcestamp(properties, kwargs))

        return self.collectChildProperties(
            sourcestamps=sourcestamps,
            properties=properties,
            kwargs=kwargs,
            collector=collector,
            **kw,
        ).addCallback(take)


def oneCodebase(**kw):
    """The codebases of those who have only one."""
    return [CodebaseParameter("", **kw)]


class PatchParameter(NestedParameter):
    """A patch to apply before building; each field can be replaced by keyword."""

    columns = 1

    @recorded
    def __init__(self, **kwargs):
        name = kwargs.pop("name", "patch")
        fields = [
            FileParameter("body"),
            IntParameter("level", default=1),
            StringParameter("author", default=""),
            StringParameter("comment", default=""),
            StringParameter("subdir", default="."),
        ]
        fields = [kwargs.pop(field.name, field) for field in fields]
        super().__init__(name, fields=fields, **kwargs)


class ForceScheduler(base.ReconfigurableBaseScheduler):
    """Builds when somebody fills in its form."""

    compare_attrs = (
        *base.ReconfigurableBaseScheduler.compare_attrs,
        "builderNames",
        "reason",
        "username",
        "forcedProperties",
        "forced_priority",
    )

    def __init__(self, name, builderNames, **kwargs):
        super().__init__(name=name, builderNames=builderNames, **kwargs)

    @recorded
    def checkConfig(
        self,
        builderNames,
        username: UserNameParameter | None = None,
        reason: StringParameter | None = None,
        reasonString="A build was forced by '%(owner)s': %(reason)s",
        buttonName=None,
        codebases=None,
        label=None,
        properties=None,
        priority: IntParameter | None = None,
        **kwargs,
    ):
        super().checkConfig(builderNames=builderNames, **kwargs)
        self._check_name()
        whose = f"ForceScheduler '{self.name}': "
        if not self.checkIfListOfType(builderNames, (str,)):
            config_error(f"{whose}builderNames must be a list of strings: {builderNames!r}")
        if username is not None and not self.checkIfType(username, BaseParameter):
            config_error(f"{whose}username must be a StringParameter: {username!r}")
        if reason is not None and not self.checkIfType(reason, BaseParameter):
            config_error(f"{whose}reason must be a StringParameter: {reason!r}")
        if properties is not None and not self.checkIfListOfType(properties, BaseParameter):
            config_error(f"{whose}properties must be a list of BaseParameters: {properties!r}")
        if priority is not None and not self.checkIfType(priority, IntParameter):
            config_error(f"{whose}priority must be a IntParameter: {priority!r}")
        if codebases is not None:
            self._check_codebase_parameters(whose, codebases)

    def _check_name(self):
        from buildbot.util.identifiers import ident_re

        if not self.name:
            config_error(f"ForceScheduler name must not be empty: {self.name!r}")
        assert self.name is not None
        if not ident_re.match(self.name):
            config_error(f"ForceScheduler name must be an identifier: {self.name!r}")

    @staticmethod
    def _check_codebase_parameters(whose, codebases):
        if not codebases:
            config_error(
                f"{whose}'codebases' cannot be empty; use "
                f"[CodebaseParameter(codebase='', hide=True)] if needed: {codebases!r} "
            )
        if not isinstance(codebases, list):
            config_error(
                f"{whose}'codebases' should be a list of strings or CodebaseParameter, "
                f"not {type(codebases)}"
            )
        for codebase in codebases:
            if not isinstance(codebase, (str, CodebaseParameter)):
                config_error(
                    f"{whose}'codebases' must be a list of strings or CodebaseParameter "
                    f"objects: {codebases!r}"
                )

    def reconfigService(
        self,
        builderNames,
        username: UserNameParameter | None = None,
        reason: StringParameter | None = None,
        reasonString="A build was forced by '%(owner)s': %(reason)s",
        buttonName=None,
        codebases=None,
        label=None,
        properties=None,
        priority: IntParameter | None = None,
        **kwargs,
    ):
        if codebases is None:
            fields = [CodebaseParameter(codebase="")]
        else:
            fields = [c if not isinstance(c, str) else CodebaseParameter(c) for c in codebases]
        by_name = {
            field.codebase: {"branch": "", "repository": "", "revision": ""} for field in fields
        }
        answer = super().reconfigService(builderNames=builderNames, codebases=by_name, **kwargs)

        if reason is None:
            reason = StringParameter(name="reason", default="force build", size=20)
        if username is None:
            username = UserNameParameter()
        if priority is None:
            priority = IntParameter(name="priority", default=0)
        self.reason = reason
        self.username = username
        self.forced_priority = priority
        self.forcedProperties = [*fields, *(properties or [])]
        top = NestedParameter(name="", fields=[username, reason, priority])
        self.all_fields = [top, *self.forcedProperties]
        self.reasonString = reasonString
        self.label = self.name if label is None else label
        self.buttonName = self.name if buttonName is None else buttonName
        return answer

    def checkIfType(self, obj, chkType):
        return isinstance(obj, chkType)

    def checkIfListOfType(self, obj, chkType):
        return self.checkIfType(obj, list) and all(self.checkIfType(o, chkType) for o in obj)

    def gatherPropertiesAndChanges(self, collector, **kwargs):
        """A Deferred with properties, ids of changes, and source stamps by codebase."""
        from buildbot._host.deferreds import deferred

        return deferred(self._gather(collector, kwargs))

    def _gather(self, collector, kwargs):
        from buildbot.process.properties import Properties

        values, changes, stamps = {}, [], {}
        for field in self.forcedProperties:
            yield collector.collectValidationErrors(
                field.fullName,
                field.updateFromKwargs,
                master=self.master,
                properties=values,
                changes=changes,
                sourcestamps=stamps,
                collector=collector,
                kwargs=kwargs,
            )
        properties = Properties()
        for name, value in values.items():
            properties.setProperty(name, value, _SOURCE)
        return properties, [change.number for change in changes], stamps

    def computeBuilderNames(self, builderNames=None, builderid=None):
        """A Deferred with those of our builders that were asked for, sorted; all if none were."""
        from buildbot.util.service import settled

        if builderNames is None and builderid is not None:
            return self._name_of_builder(builderid)
        if builderNames is None:
            return settled(self.builderNames)
        return settled(sorted(set(builderNames).intersection(self.builderNames)))

    @by_master
    def _name_of_builder(self, builderid): ...

    def force(self, owner, builderNames=None, builderid=None, **kwargs):
        """A Deferred with the ids of the buildset and its requests."""
        from buildbot._host.deferreds import deferred

        return deferred(self._force(owner, builderNames, builderid, kwargs))

    def _force(self, owner, builderNames, builderid, kwargs):
        builderNames = yield self.computeBuilderNames(builderNames, builderid)
        if not builderNames:
            raise KeyError("builderNames not specified or not supported")
        entered = yield from self._entered(owner, kwargs)
        entered.pop("owner")
        return (
            yield self.addBuildsetForSourceStampsWithDefaults(builderNames=builderNames, **entered)
        )

    def _entered(self, owner, kwargs):
        """What a filled in form means, as a generator for `deferred`."""
        kwargs = {
            name: list(value) if isinstance(value, (list, tuple)) else [value]
            for name, value in kwargs.items()
        }
        collector = ValidationErrorCollector()

        def one(field):
            return collector.collectValidationErrors(field.fullName, field.getFromKwargs, kwargs)

        reason = yield one(self.reason)
        if owner is None or owner == "anonymous":
            owner = yield one(self.username)
        priority = yield one(self.forced_priority)
        properties, _, stamps = yield self.gatherPropertiesAndChanges(collector, **kwargs)
        collector.maybeRaiseCollectedErrors()
        properties.setProperty("reason", reason, _SOURCE)
        properties.setProperty("owner", owner, _SOURCE)
        for codebase, stamp in stamps.items():
            stamp["codebase"] = codebase
        return {
            "reason": self.reasonString % {"owner": owner, "reason": reason},
            "owner": owner,
            "priority": priority,
            "properties": properties,
            "sourcestamps": list(stamps.values()),
        }
