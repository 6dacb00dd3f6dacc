"""The step that configures with CMake."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.process.buildstep import BuildStep, ShellMixin
from buildbot.process.properties import _is_renderable as is_renderable

__all__ = ["BuildStep", "CMake", "ShellMixin"]

__getattr__ = elsewhere(__name__, "IRenderable config defer")


class CMake(ShellMixin, BuildStep):
    """Runs cmake."""

    DEFAULT_CMAKE = "cmake"

    name = "cmake"
    description = ["running", "cmake"]
    descriptionDone = ["cmake"]
    renderables = ("cmake", "definitions", "generator", "options", "path")
    haltOnFailure = True

    @recorded
    def __init__(
        self,
        path=None,
        generator=None,
        definitions=None,
        options=None,
        cmake=DEFAULT_CMAKE,
        **kwargs,
    ):
        self.path = path
        self.generator = generator
        if definitions is not None and not isinstance(definitions, dict):
            if not is_renderable(definitions):
                config_error("definitions must be a dictionary or implement IRenderable")
        self.definitions = definitions
        if options is not None and not isinstance(options, (list, tuple)):
            if not is_renderable(options):
                config_error("options must be a list, a tuple or implement IRenderable")
        self.options = options
        self.cmake = cmake
        kwargs = self.setupShellMixin(kwargs, prohibitArgs=["command"])
        super().__init__(**kwargs)

    @runtime.native
    def run(self):
        """Runs cmake."""
