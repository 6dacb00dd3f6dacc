"""Build factories: the steps of a builder's builds, and recipes for common tools."""

from __future__ import annotations

from contextlib import contextmanager

from buildbot._host.compare import ComparableMixin
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described

__getattr__ = elsewhere(
    __name__,
    "Build CVS Compile Configure DownloadSecretsToWorker PerlModuleTest "
    "RemoveWorkerFileSecret SVN ShellCommand Test buildstep interfaces util "
    "warn_deprecated",
)


def _default_build():
    from buildbot.process.build import Build

    return Build


class _BuildClass:
    """The class of builds, imported only when it is asked for."""

    def __get__(self, instance, owner):
        return _default_build()


# What Python gives every class.
_OF_EVERY_CLASS = frozenset(
    "__module__ __doc__ __dict__ __weakref__ __qualname__ __firstlineno__ "
    "__static_attributes__".split()
)


class BuildFactory(ComparableMixin, Described):
    """The steps of a build, in order. Every build makes its steps anew."""

    _described_class = "buildbot.process.factory.BuildFactory"
    _described = ("steps",)
    _described_if = {"workdir": "build", "useProgress": True, "buildClassOver": []}
    _described_own = ("buildClass",)

    buildClass = _BuildClass()
    useProgress = True
    workdir = "build"
    compare_attrs = ("buildClass", "steps", "useProgress", "workdir")

    def __init__(self, steps=None):
        self.steps = []
        if steps:
            self.addSteps(steps)

    @property
    def buildClassOver(self):
        """What of `Build` the class of the user's builds has otherwise: names, sorted."""
        found = self.__dict__.get("buildClass") or next(
            vars(cls)["buildClass"] for cls in type(self).__mro__ if "buildClass" in vars(cls)
        )
        if isinstance(found, _BuildClass):
            return []
        build = _default_build()
        if not (isinstance(found, type) and issubclass(found, build)):
            return ["__new__"]
        users = found.__mro__[: found.__mro__.index(build)]
        names = {name for cls in users for name in vars(cls) if hasattr(build, name)}
        return sorted(names - _OF_EVERY_CLASS)

    def newBuild(self, requests, builder):
        build = self.buildClass(requests, builder)
        build.useProgress = self.useProgress
        build.workdir = self.workdir
        build.setStepFactories(self.steps)
        return build

    def addStep(self, step):
        """Adds a step; what is stored makes such steps."""
        get = None if isinstance(step, type) else getattr(step, "get_step_factory", None)
        factory = step if get is None else get()
        if isinstance(factory, type) or not hasattr(factory, "buildStep"):
            raise TypeError("step must be an instance of a BuildStep")
        self.steps.append(factory)

    def addSteps(self, steps, withSecrets=None):
        if withSecrets is None:
            withSecrets = []
        if withSecrets:
            with self.withSecrets(withSecrets):
                self.addSteps(steps)
            return
        for step in steps:
            self.addStep(step)

    def setSkipBuildIf(self, predicate):
        self.skipBuildIf = predicate

    @contextmanager
    def withSecrets(self, secrets):
        """Steps that are added inside find `secrets` as files on the worker."""
        from buildbot.steps.download_secret_to_worker import (
            DownloadSecretsToWorker,
            RemoveWorkerFileSecret,
        )

        self.addStep(DownloadSecretsToWorker(secrets))
        yield self
        self.addStep(RemoveWorkerFileSecret(secrets))


ConfigurableBuildFactory = BuildFactory


def s(steptype, **kwargs):
    """A factory of steps; older configurations say it like this."""
    _warn_deprecated("s", "0.8.6")
    step = steptype(**kwargs)
    return step.get_step_factory()


def _warn_deprecated(name, version):
    import warnings

    warnings.warn(
        f"{__name__}.{name} was deprecated in buildbot {version}",
        category=DeprecationWarning,
        stacklevel=3,
    )


class _DefaultCommand:
    """Says that an argument was not given, where None has a meaning."""


class GNUAutoconf(BuildFactory):
    """configure, make and their tests."""

    def __init__(
        self,
        source,
        configure="./configure",
        configureEnv=None,
        configureFlags=None,
        reconf=None,
        compile=_DefaultCommand,
        test=_DefaultCommand,
        distcheck=_DefaultCommand,
    ):
        from buildbot.steps.shell import Compile, Configure, ShellCommand, Test

        super().__init__([source])
        env = {} if configureEnv is None else configureEnv
        flags = [] if configureFlags is None else configureFlags
        if reconf is True:
            reconf = ["autoreconf", "-si"]
        if reconf is not None:
            self.addStep(ShellCommand(name="autoreconf", command=reconf, env=env))
        if configure is not None:
            self.addStep(Configure(command=self._with_flags(configure, flags), env=env))
        for step, command, default in (
            (Compile, compile, ["make", "all"]),
            (Test, test, ["make", "check"]),
            (Test, distcheck, ["make", "distcheck"]),
        ):
            if command is _DefaultCommand:
                command = default
            if command is not None:
                self.addStep(step(command=command, env=env))

    @staticmethod
    def _with_flags(configure, flags):
        if isinstance(configure, (list, tuple)):
            return configure + flags
        if not isinstance(configure, str):
            raise AssertionError
        if not flags:
            return configure
        if " " in configure:
            raise AssertionError
        return [configure, *flags]


class CPAN(BuildFactory):
    """A Perl module."""

    def __init__(self, source, perl="perl"):
        from buildbot.steps.shell import Compile, Configure, PerlModuleTest

        super().__init__([source])
        self.addStep(Configure(command=[perl, "Makefile.PL"]))
        self.addStep(Compile(command=["make"]))
        self.addStep(PerlModuleTest(command=["make", "test"]))


class _Distutils(BuildFactory):
    def __init__(self, source, python="python", test=None):
        from buildbot.steps.shell import Compile, Test

        super().__init__([source])
        self.addStep(Compile(command=[python, "./setup.py", "build"]))
        if test is not None:
            self.addStep(Test(command=test))


def Distutils(source, python="python", test=None):
    """A Python package of the time of distutils."""
    _warn_deprecated("Distutils", "4.0.0")
    return _Distutils(source, python, test)


class Trial(BuildFactory):
    """A Python package with tests for trial."""

    trial = "trial"
    randomly = False
    recurse = False

    def __init__(
        self,
        source,
        buildpython=None,
        trialpython=None,
        trial=None,
        testpath=".",
        randomly=None,
        recurse=None,
        tests=None,
        useTestCaseNames=False,
        env=None,
    ):
        from buildbot.steps.python_twisted import Trial as TrialStep
        from buildbot.steps.shell import Compile

        super().__init__([source])
        if not tests and not useTestCaseNames:
            raise AssertionError("must use one or the other")
        if trial is not None:
            self.trial = trial
        if randomly is not None:
            self.randomly = randomly
        if recurse is not None:
            self.recurse = recurse
        buildpython = ["python"] if buildpython is None else buildpython
        self.addStep(Compile(command=[*buildpython, "./setup.py", "build"], env=env))
        self.addStep(
            TrialStep(
                python=[] if trialpython is None else trialpython,
                trial=self.trial,
                testpath=testpath,
                tests=tests,
                testChanges=useTestCaseNames,
                randomly=self.randomly,
                recurse=self.recurse,
                env=env,
            )
        )


class BasicBuildFactory(GNUAutoconf):
    """`GNUAutoconf` on a checkout from CVS."""

    def __init__(
        self,
        cvsroot,
        cvsmodule,
        configure=None,
        configureEnv=None,
        compile="make all",
        test="make check",
        cvsCopy=False,
    ):
        from buildbot.steps.source.cvs import CVS

        source = CVS(
            cvsroot=cvsroot,
            cvsmodule=cvsmodule,
            mode="full",
            method="copy" if cvsCopy else "clobber",
        )
        super().__init__(
            source, configure=configure, configureEnv=configureEnv, compile=compile, test=test
        )


class QuickBuildFactory(BasicBuildFactory):
    """`BasicBuildFactory` without a fresh checkout; 4.3.0 cannot make one."""

    useProgress = False

    def __init__(
        self,
        cvsroot,
        cvsmodule,
        configure=None,
        configureEnv=None,
        compile="make all",
        test="make check",
        cvsCopy=False,
    ):
        from buildbot.steps.source.cvs import CVS

        source = CVS(cvsroot=cvsroot, cvsmodule=cvsmodule, mode="incremental")
        super().__init__(
            source, configure=configure, configureEnv=configureEnv, compile=compile, test=test
        )


class BasicSVN(GNUAutoconf):
    """`GNUAutoconf` on a checkout from Subversion."""

    def __init__(
        self,
        svnurl,
        configure=None,
        configureEnv=None,
        compile="make all",
        test="make check",
    ):
        from buildbot.steps.source.svn import SVN

        source = SVN(svnurl=svnurl, mode="incremental")
        super().__init__(
            source, configure=configure, configureEnv=configureEnv, compile=compile, test=test
        )
