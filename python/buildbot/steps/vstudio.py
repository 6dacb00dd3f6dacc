"""Steps that compile with Visual Studio and MSBuild.

The commands and their environments are made by the master, from the attributes that the classes
of this module set.
"""

from __future__ import annotations

import re

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.process import buildstep
from buildbot.process.logobserver import LogLineObserver
from buildbot.process.results import FAILURE, SUCCESS, WARNINGS, statusToString

__getattr__ = elsewhere(__name__, "config defer results")


class MSLogLineObserver(LogLineObserver):
    """Counts projects, files, warnings and errors, and copies their lines to logs."""

    stdoutDelimiter = "\r\n"
    stderrDelimiter = "\r\n"

    _re_delimiter = re.compile(r"^(\d+>)?-{5}.+-{5}$")
    _re_file = re.compile(r"^(\d+>)?[^ ]+\.(cpp|c)$")
    _re_warning = re.compile(r" ?: warning [A-Z]+[0-9]+:")
    _re_error = re.compile(r" ?error ([A-Z]+[0-9]+)?\s?: ")

    nbFiles = 0
    nbProjects = 0
    nbWarnings = 0
    nbErrors = 0
    logwarnings = None
    logerrors = None

    def __init__(self, logwarnings, logerrors, **kwargs):
        super().__init__(**kwargs)
        self.logwarnings = logwarnings
        self.logerrors = logerrors

    def outLineReceived(self, line):
        if self._re_delimiter.search(line):
            self.nbProjects += 1
            self.logwarnings.addStdout(f"{line}\n")
            self.logerrors.addStdout(f"{line}\n")
            self.step.setProgress("projects", self.nbProjects)
        elif self._re_file.search(line):
            self.nbFiles += 1
            self.step.setProgress("files", self.nbFiles)
        elif self._re_warning.search(line):
            self.nbWarnings += 1
            self.logwarnings.addStdout(f"{line}\n")
            self.step.setProgress("warnings", self.nbWarnings)
        elif self._re_error.search(f"{line}\n"):
            self.nbErrors += 1
            self.logerrors.addStderr(f"{line}\n")


class VisualStudio(buildstep.ShellMixin, buildstep.BuildStep):
    """Base of the steps of this module."""

    name = "compile"
    description = "compiling"
    descriptionDone = "compile"
    progressMetrics = (*buildstep.BuildStep.progressMetrics, "projects", "files", "warnings")

    logobserver = None
    installdir = None
    default_installdir = None
    mode = "rebuild"
    projectfile = None
    config = None
    useenv = False
    project = None
    PATH = []
    INCLUDE = []
    LIB = []
    renderables = ["projectfile", "config", "project", "mode"]

    @recorded
    def __init__(
        self,
        installdir=None,
        mode="rebuild",
        projectfile=None,
        config="release",
        useenv=False,
        project=None,
        INCLUDE=None,
        LIB=None,
        PATH=None,
        **kwargs,
    ):
        self.installdir = installdir
        self.mode = mode
        self.projectfile = projectfile
        self.config = config
        self.useenv = useenv
        self.project = project
        if INCLUDE:
            self.INCLUDE = INCLUDE
            self.useenv = True
        if LIB:
            self.LIB = LIB
            self.useenv = True
        if PATH:
            self.PATH = PATH
        kwargs = self.setupShellMixin(kwargs, prohibitArgs=["command"])
        super().__init__(**kwargs)

    def add_env_path(self, name, value):
        """Adds a directory to a variable in which each ends with a semicolon."""
        before = self.env.get(name, "")
        if before and not before.endswith(";"):
            before += ";"
        end = "" if value.endswith(";") else ";"
        self.env[name] = before + value + end

    @runtime.inline
    def setup_log_files(self):
        logwarnings = yield self.addLog("warnings")
        logerrors = yield self.addLog("errors")
        self.logobserver = MSLogLineObserver(logwarnings, logerrors)
        yield self.addLogObserver("stdio", self.logobserver)

    def setupEnvironment(self):
        """Sets the variables of the compiler; classes of users override it."""
        self.env = dict(self.env or {})
        if not self.installdir:
            self.installdir = self.default_installdir
        for name in ("PATH", "INCLUDE", "LIB"):
            for value in getattr(self, name):
                self.add_env_path(name, value)

    def evaluate_result(self, cmd):
        self.setStatistic("projects", self.logobserver.nbProjects)
        self.setStatistic("files", self.logobserver.nbFiles)
        self.setStatistic("warnings", self.logobserver.nbWarnings)
        self.setStatistic("errors", self.logobserver.nbErrors)
        if cmd.didFail() or self.logobserver.nbErrors:
            return FAILURE
        return WARNINGS if self.logobserver.nbWarnings else SUCCESS

    @runtime.native
    def run(self):
        """Compiles."""

    def getResultSummary(self):
        seen = self.logobserver
        if seen is None:
            return {"step": statusToString(self.results)}
        text = f"compile {seen.nbProjects} projects {seen.nbFiles} files"
        if seen.nbWarnings:
            text += f" {seen.nbWarnings} warnings"
        if seen.nbErrors:
            text += f" {seen.nbErrors} errors"
        if self.results != SUCCESS:
            text += f" ({statusToString(self.results)})"
        return {"step": text}

    @runtime.inline
    def finish_logs(self):
        for log in (self.logobserver.logwarnings, self.logobserver.logerrors):
            yield log.finish()


def _directories(step, name, *below):
    """Adds directories below the installation to a variable."""
    for directory in below:
        step.add_env_path(name, step.installdir + directory)


class VC6(VisualStudio):
    """Compiles with Visual Studio 6."""

    default_installdir = "C:\\Program Files\\Microsoft Visual Studio"

    def setupEnvironment(self):
        super().setupEnvironment()
        _directories(
            self,
            "PATH",
            "\\Common\\msdev98\\BIN",
            "\\VC98\\BIN",
            "\\Common\\TOOLS\\WINNT",
            "\\Common\\TOOLS",
        )
        _directories(
            self, "INCLUDE", "\\VC98\\INCLUDE", "\\VC98\\ATL\\INCLUDE", "\\VC98\\MFC\\INCLUDE"
        )
        _directories(self, "LIB", "\\VC98\\LIB", "\\VC98\\MFC\\LIB")

    @runtime.native
    def run(self):
        """Compiles."""


class VC7(VisualStudio):
    """Compiles with Visual Studio .NET 2003."""

    default_installdir = "C:\\Program Files\\Microsoft Visual Studio .NET 2003"

    def setupEnvironment(self):
        super().setupEnvironment()
        _directories(
            self,
            "PATH",
            "\\Common7\\IDE",
            "\\VC7\\BIN",
            "\\Common7\\Tools",
            "\\Common7\\Tools\\bin",
        )
        _directories(
            self,
            "INCLUDE",
            "\\VC7\\INCLUDE",
            "\\VC7\\ATLMFC\\INCLUDE",
            "\\VC7\\PlatformSDK\\include",
            "\\SDK\\v1.1\\include",
        )
        _directories(
            self,
            "LIB",
            "\\VC7\\LIB",
            "\\VC7\\ATLMFC\\LIB",
            "\\VC7\\PlatformSDK\\lib",
            "\\SDK\\v1.1\\lib",
        )

    @runtime.native
    def run(self):
        """Compiles."""


VS2003 = VC7


class VC8(VC7):
    """Compiles with Visual Studio 2005."""

    arch = None
    default_installdir = "C:\\Program Files\\Microsoft Visual Studio 8"
    renderables = ["arch"]

    @recorded
    def __init__(self, arch="x86", **kwargs):
        self.arch = arch
        super().__init__(**kwargs)

    def setupEnvironment(self):
        VisualStudio.setupEnvironment(self)
        _directories(self, "PATH", "\\Common7\\IDE")
        if self.arch == "x64":
            _directories(self, "PATH", "\\VC\\BIN\\x86_amd64")
        _directories(
            self,
            "PATH",
            "\\VC\\BIN",
            "\\Common7\\Tools",
            "\\Common7\\Tools\\bin",
            "\\VC\\PlatformSDK\\bin",
            "\\SDK\\v2.0\\bin",
            "\\VC\\VCPackages",
        )
        self.add_env_path("PATH", "${PATH}")
        _directories(
            self,
            "INCLUDE",
            "\\VC\\INCLUDE",
            "\\VC\\ATLMFC\\include",
            "\\VC\\PlatformSDK\\include",
        )
        below = "\\amd64" if self.arch == "x64" else ""
        _directories(
            self,
            "LIB",
            f"\\VC\\LIB{below}",
            f"\\VC\\ATLMFC\\LIB{below}",
            f"\\VC\\PlatformSDK\\lib{below}",
            f"\\SDK\\v2.0\\lib{below}",
        )


VS2005 = VC8


class VCExpress9(VC8):
    """Compiles with Visual Studio Express 2008."""

    @runtime.native
    def run(self):
        """Compiles."""


class VC9(VC8):
    """Compiles with Visual Studio 2008."""

    default_installdir = "C:\\Program Files\\Microsoft Visual Studio 9.0"


VS2008 = VC9


class VC10(VC9):
    """Compiles with Visual Studio 2010."""

    default_installdir = "C:\\Program Files\\Microsoft Visual Studio 10.0"


VS2010 = VC10


class VC11(VC10):
    """Compiles with Visual Studio 2012."""

    default_installdir = "C:\\Program Files\\Microsoft Visual Studio 11.0"


VS2012 = VC11


class VC12(VC11):
    """Compiles with Visual Studio 2013."""

    default_installdir = "C:\\Program Files\\Microsoft Visual Studio 12.0"


VS2013 = VC12


class VC14(VC12):
    """Compiles with Visual Studio 2015."""

    default_installdir = "C:\\Program Files (x86)\\Microsoft Visual Studio 14.0"


VS2015 = VC14

# The doubled separators are in the value.
_COMMUNITY = "C:\\\\Program Files (x86)\\\\Microsoft Visual Studio\\\\{}\\\\Community"


class VC141(VC14):
    """Compiles with Visual Studio 2017."""

    default_installdir = _COMMUNITY.format(2017)


VS2017 = VC141


class VS2019(VC141):
    """Compiles with Visual Studio 2019."""

    default_installdir = _COMMUNITY.format(2019)


class VS2022(VC141):
    """Compiles with Visual Studio 2022."""

    default_installdir = _COMMUNITY.format(2022)


def _msbuild_format_defines_parameter(defines):
    if not defines:
        return ""
    return f' /p:DefineConstants="{";".join(defines)}"'


def _msbuild_format_target_parameter(mode, project):
    target = {"clean": "Clean", "build": "Build", "rebuild": "Rebuild"}.get(mode)
    if project is None:
        return f" /t:{target}" if target else ""
    if mode == "rebuild" or target is None:
        return f' /t:"{project}"'
    return f' /t:"{project}:{target}"'


class MsBuild4(VisualStudio):
    """Compiles with MSBuild 4."""

    platform = None
    defines = None
    vcenv_bat = r"${VS110COMNTOOLS}..\..\VC\vcvarsall.bat"
    renderables = ["platform"]
    description = "building"

    @recorded
    def __init__(self, platform, defines=None, **kwargs):
        self.platform = platform
        self.defines = defines
        super().__init__(**kwargs)

    def setupEnvironment(self):
        super().setupEnvironment()
        self.env["VCENV_BAT"] = self.vcenv_bat

    def describe_project(self, done=False):
        project = "solution" if self.project is None else self.project
        return f"{project} for {self.config}|{self.platform}"

    def getCurrentSummary(self):
        return {"step": f"building {self.describe_project()}"}

    def getResultSummary(self):
        return {"step": f"built {self.describe_project(done=True)}"}

    @runtime.native
    def run(self):
        """Compiles."""


MsBuild = MsBuild4


class MsBuild12(MsBuild4):
    """Compiles with MSBuild 12."""

    vcenv_bat = r"${VS120COMNTOOLS}..\..\VC\vcvarsall.bat"


class MsBuild14(MsBuild4):
    """Compiles with MSBuild 14."""

    vcenv_bat = r"${VS140COMNTOOLS}..\..\VC\vcvarsall.bat"


class MsBuild141(VisualStudio):
    """Compiles with MSBuild 15."""

    platform = None
    defines = None
    vcenv_bat = r"\VC\Auxiliary\Build\vcvarsall.bat"
    renderables = ["platform"]
    version_range = "[15.0,16.0)"

    @recorded
    def __init__(self, platform, defines=None, **kwargs):
        self.platform = platform
        self.defines = defines
        super().__init__(**kwargs)

    def setupEnvironment(self):
        super().setupEnvironment()
        self.env["VCENV_BAT"] = self.vcenv_bat
        for directory in ("Program Files (x86)", "Program Files"):
            self.add_env_path("PATH", f"C:\\{directory}\\Microsoft Visual Studio\\Installer\\")
        self.add_env_path("PATH", "${PATH}")

    def describe_project(self, done=False):
        project = "solution" if self.project is None else self.project
        return f"{project} for {self.config}|{self.platform}"

    @runtime.native
    def run(self):
        """Compiles."""


MsBuild15 = MsBuild141


class MsBuild16(MsBuild141):
    """Compiles with MSBuild 16."""

    version_range = "[16.0,17.0)"


class MsBuild17(MsBuild141):
    """Compiles with MSBuild 17."""

    version_range = "[17.0,18.0)"
