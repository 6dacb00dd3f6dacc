"""Steps whose work stands in a file of the sources, `.buildbot-ci.yml`.

Reading that file needs the Python package `yaml`; nothing else here does.
"""

from __future__ import annotations

import ast
import re

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.process import buildstep
from buildbot.process.properties import Interpolate, Properties, renderer
from buildbot.process.results import SUCCESS
from buildbot.steps.shell import ShellCommand
from buildbot.steps.trigger import Trigger
from buildbot.steps.worker import CompositeStepMixin

__all__ = [
    "BuildbotCiSetupSteps",
    "BuildbotCiYml",
    "BuildbotCiYmlInvalid",
    "BuildbotTestCiReadConfigMixin",
    "BuildbotTestCiTrigger",
    "SUCCESS",
    "evaluate_condition",
    "interpolate_constructor",
    "parse_env_string",
    "renderer",
]

_elsewhere = elsewhere(__name__, "config defer log remotecommand")


def __getattr__(name):
    if name == "BuildbotCiLoader":
        return _loader_class()
    return _elsewhere(name)


class BuildbotCiYmlInvalid(Exception):
    """The file cannot be used."""


# Environments

_env_string_key_re = re.compile(r"^\s*(\w+)=")
_env_string_value_re = re.compile(r"""(?:"((?:\\.|[^"])*?)"|'([^']*?)'|(\S*))""")


def parse_env_string(env_str, parent_env=None):
    """The variables of a text like `A=1 B="x y"`, added to those of `parent_env`."""
    variables = dict(parent_env or {})
    rest = env_str.strip()
    while rest:
        key = _env_string_key_re.match(rest)
        if key is None:
            raise ValueError(f"Could not parse '{env_str}': splitting '{rest}' failed")
        value = _env_string_value_re.match(rest, key.end())
        variables[key.group(1)] = next((part for part in value.groups() if part is not None), "")
        rest = rest[value.end() :]
    return variables


# Conditions

_ALLOWED = [
    "Num",
    "Str",
    "Expression",
    "Constant",
    "Compare",
    "Eq",
    "NotEq",
    "Gt",
    "GtE",
    "Lt",
    "LtE",
    "Name",
    "Load",
    "BinOp",
    "Add",
    "Sub",
    "USub",
    "Subscript",
    "Index",
    "BoolOp",
    "And",
    "Or",
    "UnaryOp",
    "Not",
    "In",
    "NotIn",
    "IfExp",
    "NameConstant",
    "Div",
    "Mod",
    "Is",
    "IsNot",
]


class _Model:
    """The parts of Python that an expression may be made of."""

    def __init__(self, nodes):
        self.nodes = nodes


base_eval_model = _Model(_ALLOWED)
eval_model = _Model([*_ALLOWED, "Mul", "Slice", "Tuple"])


def evaluate_condition(condition, local_dict):
    """Whether an expression is true; names are those of `local_dict`."""
    tree = ast.parse(condition, "<condition>", "eval")
    for node in ast.walk(tree):
        kind = type(node).__name__
        if kind not in eval_model.nodes:
            raise ValueError(f"Node type {kind!r} is not allowed.")
    code = compile(tree, "<condition>", "eval")
    return bool(eval(code, {"__builtins__": {}}, dict(local_dict)))


# The file


def interpolate_constructor(loader, node):
    """The tags `!Interpolate` and `!i`."""
    return Interpolate(loader.construct_scalar(node))


_made_loader_class = None


def _loader_class():
    """The loader of YAML that knows the steps; it needs `yaml`, so it is made late."""
    global _made_loader_class
    if _made_loader_class is None:
        import yaml

        class BuildbotCiLoader(yaml.SafeLoader):
            """Reads the file; a tag makes the step that it names."""

            constructors_loaded = False

            @classmethod
            def ensure_constructors_loaded(cls):
                if not cls.constructors_loaded:
                    cls.load_constructors()
                    cls.constructors_loaded = True

            @classmethod
            def load_constructors(cls):
                from buildbot.plugins import steps

                cls.add_constructor("!Interpolate", interpolate_constructor)
                cls.add_constructor("!i", interpolate_constructor)
                for name in steps.names:
                    cls.register_step_class(name, None, [])

            @classmethod
            def register_step_class(cls, name, step_class, step_warnings):
                """Makes `!name` a tag; without a class it is found among the steps."""

                def construct(loader, node):
                    made = step_class
                    if made is None:
                        from buildbot.plugins import steps

                        made = steps.get(name)
                    try:
                        if isinstance(node, yaml.ScalarNode):
                            text = loader.construct_scalar(node)
                            return made(text) if text else made()
                        if isinstance(node, yaml.SequenceNode):
                            return made(*loader.construct_sequence(node, deep=True))
                        return made(**loader.construct_mapping(node, deep=True))
                    except Exception as error:
                        raise BuildbotCiYmlInvalid(f"Invalid YAML data\n{error}") from error

                cls.add_constructor("!" + name, construct)

        BuildbotCiLoader.__qualname__ = "BuildbotCiLoader"
        _made_loader_class = BuildbotCiLoader
    return _made_loader_class


class BuildbotCiYml:
    """What the file says."""

    SCRIPTS = (
        "before_install",
        "install",
        "after_install",
        "before_script",
        "script",
        "after_script",
    )
    steps_loaded = False

    def __init__(self):
        self.config_dict = None
        self.label_mapping = {}
        self.global_env = {}
        self.script_commands = {name: [] for name in self.SCRIPTS}
        self.matrix = []

    @classmethod
    def load_from_str(cls, config_input):
        import yaml

        loader = _loader_class()
        loader.ensure_constructors_loaded()
        try:
            config = yaml.load(config_input, Loader=loader)
        except BuildbotCiYmlInvalid:
            raise
        except Exception as error:
            raise BuildbotCiYmlInvalid(f"Invalid YAML data\n{error}") from error
        return cls.load_from_dict(config)

    @classmethod
    def load_from_dict(cls, config):
        made = cls()
        made.load_from_dict_internal(config)
        return made

    def load_from_dict_internal(self, config):
        self.config = config
        self.label_mapping = config.get("label_mapping", {})
        self.global_env = self.load_global_env(config)
        self.script_commands = self.load_scripts(config)
        self.matrix = self.load_matrix(config, self.global_env)

    @classmethod
    def load_global_env(cls, config):
        env = config.get("env", {})
        if isinstance(env, list):
            return {}
        if not isinstance(env, dict):
            raise BuildbotCiYmlInvalid("'env' parameter is invalid")
        lines = env.get("global") if env else ""
        if isinstance(lines, str):
            return parse_env_string(lines)
        if isinstance(lines, list):
            variables = {}
            for line in lines:
                variables.update(parse_env_string(line))
            return variables
        raise BuildbotCiYmlInvalid("'env.global' configuration parameter is invalid")

    @classmethod
    def load_scripts(cls, config):
        scripts = {}
        for name in cls.SCRIPTS:
            commands = config.get(name, [])
            if isinstance(commands, str):
                commands = [commands]
            if not isinstance(commands, list):
                raise BuildbotCiYmlInvalid(f"'{name}' parameter is invalid")
            scripts[name] = commands
        return scripts

    @staticmethod
    def adjust_matrix_config(c, global_env):
        """A copy of a row, with its environment as a dictionary."""
        row = c.copy()
        row["env"] = parse_env_string(row.get("env", ""), global_env)
        return row

    @classmethod
    def load_matrix(cls, config, global_env):
        rows = config.get("matrix", {}).get("include", [])
        return [cls.adjust_matrix_config(row, global_env) for row in rows]


class BuildbotTestCiReadConfigMixin:
    """For steps that read the file on the worker."""

    config_filenames = [".bbtravis.yml", ".buildbot-ci.yml"]
    config = None

    @runtime.inline
    def get_config_yml_from_worker(self):
        """The text of the first of the files that is there, or None."""
        for name in self.config_filenames:
            text = yield self.getFileContentFromWorker(name)
            if text is not None:
                return text
        return None

    @runtime.inline
    def get_ci_config(self):
        """What the file says; ends the step when it cannot be used."""
        text = yield self.get_config_yml_from_worker()
        if not text:
            yield self.addCompleteLog(
                "error", f"unable to fetch {' or '.join(self.config_filenames)}"
            )
            raise buildstep.BuildStepFailed()
        yield self.addCompleteLog(self.config_filenames[-1], text)
        try:
            return BuildbotCiYml.load_from_str(text)
        except BuildbotCiYmlInvalid as error:
            yield self.addCompleteLog("error", f"Badly formatted file\n\n{error}")
            raise buildstep.BuildStepFailed() from error


class BuildbotTestCiTrigger(BuildbotTestCiReadConfigMixin, CompositeStepMixin, Trigger):
    """Triggers one build for each row of the matrix."""

    _described_over = ("run", "getSchedulersAndProperties", "createTriggerProperties")

    @recorded
    def __init__(self, scheduler, **kwargs):
        if "name" not in kwargs:
            kwargs["name"] = "buildbot-test-ci trigger"
        super().__init__(
            waitForFinish=True,
            schedulerNames=[scheduler],
            haltOnFailure=True,
            flunkOnFailure=True,
            sourceStamps=[],
            alwaysUseLatest=False,
            updateSourceStamp=False,
            **kwargs,
        )

    @runtime.inline
    def run(self):
        self.config = yield self.get_ci_config()
        result = yield super(BuildbotTestCiTrigger, self).run()
        return result

    def _replace_label(self, v):
        return str(self.config.label_mapping.get(v, v))

    def build_scheduler_for_env(self, scheduler_name, env):
        """What to trigger for a row of the matrix."""
        new = Properties()
        new.setProperty(
            "BUILDBOT_PULL_REQUEST", self.getProperty("BUILDBOT_PULL_REQUEST"), "Inherit"
        )
        labels = {}
        for name, value in env.items():
            if name == "env":
                for variable, text in value.items():
                    new.setProperty(variable, text, "BuildbotCiTrigger")
                    labels[self._replace_label(variable)] = self._replace_label(text)
            else:
                new.setProperty(name, value, "BuildbotCiTrigger")
                labels[self._replace_label(name)] = self._replace_label(value)
        words = [f"{name}:{labels[name]}" for name in sorted(labels)]
        tags = [tag for tag in self.build.builder.config.tags if tag not in ("try", "spawner")]
        tags += words
        new.setProperty("virtual_builder_name", " ".join(tags), "BuildbotCiTrigger")
        new.setProperty("virtual_builder_tags", tags, "BuildbotCiTrigger")
        new.setProperty("matrix_label", "/".join(words), "BuildbotCiTrigger")
        return (scheduler_name, new)

    def createTriggerProperties(self, props):
        return props

    def getSchedulersAndProperties(self):
        scheduler = self.schedulerNames[0]
        return [self.build_scheduler_for_env(scheduler, row) for row in self.config.matrix]


class BuildbotCiSetupSteps(BuildbotTestCiReadConfigMixin, CompositeStepMixin, buildstep.BuildStep):
    """Adds a step for each command of the file."""

    _described_over = ("run",)

    name = "setup-steps"
    haltOnFailure = True
    flunkOnFailure = True
    MAX_NAME_LENGTH = 47
    disable = False

    def _add_step(self, command):
        name = condition = step = None
        shell = command
        if isinstance(command, dict):
            name = command.get("title")
            condition = command.get("condition")
            shell = command.get("cmd")
            step = command.get("step")
        elif isinstance(command, buildstep.BuildStep):
            step, shell = command, None
        if shell is None and step is None:
            raise BuildbotCiYmlInvalid(f"Neither shell nor step is defined: {command!r}")
        if condition is not None and not self._holds(condition):
            return
        if step is None:
            if name is None:
                name = self._name_from_command(shell)
            step = ShellCommand(
                name=name,
                description=shell,
                command=shell,
                doStepIf=not self.disable,
                env=self._environment(),
            )
        self.build.addStepsAfterLastStep([step])

    def _holds(self, condition):
        values = {name: value for name, (value, _source) in self.getProperties().asDict().items()}
        try:
            return evaluate_condition(condition, values)
        except Exception:
            self.descriptionDone = "Problem parsing condition"
            raise

    def _environment(self):
        properties = self.getProperties().asDict()
        return {name: str(value) for name, (value, _source) in properties.items()}

    def _name_from_command(self, name):
        """The first line, shortened to what a step may be called."""
        name = name.lstrip("# ").split("\n", 1)[0]
        if len(name) > self.MAX_NAME_LENGTH + 3:
            name = name[: self.MAX_NAME_LENGTH] + "..."
        return name

    @runtime.inline
    def run(self):
        config = yield self.get_ci_config()
        for name in BuildbotCiYml.SCRIPTS:
            for command in config.script_commands[name]:
                self._add_step(command)
        return SUCCESS
