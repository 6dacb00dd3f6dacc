//! What classes have for arguments that are left out, where it is not what other classes of their kind have.

use Constant::{Bool, Dict, Int, List, Text, Tuple};
use buildbot_render::Value;

/// A value that is known in advance.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Constant {
    None,
    Bool(bool),
    Int(i64),
    Text(&'static str),
    List(&'static [&'static str]),
    Tuple(&'static [&'static str]),
    Dict(&'static [(&'static str, &'static str)]),
}

impl Constant {
    pub(crate) fn value(self) -> Value {
        let texts = |texts: &[&str]| texts.iter().map(|text| Value::from(*text)).collect();
        match self {
            Self::None => Value::None,
            Self::Bool(value) => value.into(),
            Self::Int(number) => number.into(),
            Self::Text(text) => text.into(),
            Self::List(items) => Value::List(texts(items)),
            Self::Tuple(items) => Value::Tuple(texts(items)),
            Self::Dict(pairs) => Value::Dict(
                pairs
                    .iter()
                    .map(|(key, value)| ((*key).into(), (*value).into()))
                    .collect(),
            ),
        }
    }
}

type Defaults = &'static [(&'static str, Constant)];

/// The arguments of `class` that have another default than the rest of its kind.
pub(crate) fn of_class(class: &str) -> Defaults {
    let Some(class) = class.strip_prefix("buildbot.") else {
        return &[];
    };
    CLASSES
        .iter()
        .find(|(classes, _)| classes.contains(&class))
        .map_or(&[], |(_, defaults)| defaults)
}

macro_rules! classes {
    ($($($class:literal)|+ => { $($argument:ident = $value:expr;)* })*) => {
        const CLASSES: &[(&[&str], Defaults)] = &[
            $((&[$($class),+], &[$((stringify!($argument), $value)),*]),)*
        ];
    };
}

classes! {
    "changes.base.ChangeSource" | "changes.gerritchangesource.GerritChangeSource" |
    "changes.gerritchangesource.GerritChangeSourceBase" | "changes.pb.PBChangeSource" |
    "changes.mail.MaildirSource" | "changes.mail.CVSMaildirSource" |
    "changes.mail.SVNCommitEmailMaildirSource" | "changes.mail.BzrLaunchpadEmailMaildirSource" => {
        pollInterval = Constant::None;
    }
    "changes.gerritchangesource.GerritEventLogPoller" => {
        pollAtLaunch = Bool(true); pollInterval = Int(30);
    }
    "schedulers.basic.AnyBranchScheduler" | "schedulers.basic.BaseBasicScheduler" |
    "schedulers.basic.Scheduler" | "schedulers.basic.SingleBranchScheduler" => {
        reason = Text("The %(classname)s scheduler named '%(name)s' triggered this build");
    }
    "schedulers.forcesched.ForceScheduler" => {
        reasonString = Text("A build was forced by '%(owner)s': %(reason)s");
    }
    "schedulers.timed.Nightly" => {
        reason = Text("The Nightly scheduler named '%(name)s' triggered this build");
    }
    "schedulers.timed.NightlyBase" | "schedulers.timed.Timed" => {
        reason = Text("");
    }
    "schedulers.timed.NightlyTriggerable" => {
        reason = Text("The NightlyTriggerable scheduler named '%(name)s' triggered this build");
    }
    "schedulers.timed.Periodic" => {
        reason = Text("The Periodic scheduler named '%(name)s' triggered this build");
    }
    "steps.cmake.CMake" => {
        description = List(&["running", "cmake"]); descriptionDone = List(&["cmake"]);
        haltOnFailure = Bool(true); name = Text("cmake");
    }
    "steps.cppcheck.Cppcheck" => {
        description = List(&["running", "cppcheck"]); descriptionDone = List(&["cppcheck"]);
        name = Text("cppcheck");
    }
    "steps.gitdiffinfo.GitDiffInfo" => {
        description = Text("running GitDiffInfo"); descriptionDone = Text("GitDiffInfo");
        name = Text("GitDiffInfo");
    }
    "steps.http.DELETE" | "steps.http.GET" | "steps.http.HEAD" | "steps.http.HTTPStep" |
    "steps.http.OPTIONS" | "steps.http.POST" | "steps.http.PUT" => {
        description = Text("Requesting"); descriptionDone = Text("Requested");
        name = Text("HTTPStep");
    }
    "steps.master.Assert" => {
        description = List(&["Checking.."]); descriptionDone = List(&["checked"]);
        name = Text("Assert");
    }
    "steps.master.LogRenderable" => {
        description = List(&["Logging"]); descriptionDone = List(&["Logged"]);
        name = Text("LogRenderable");
    }
    "steps.master.MasterShellCommand" => {
        description = Text("Running"); descriptionDone = Text("Ran"); haltOnFailure = Bool(true);
        name = Text("MasterShellCommand");
    }
    "steps.master.SetProperties" => {
        description = List(&["Setting Properties.."]); descriptionDone = List(&["Properties Set"]);
        name = Text("SetProperties");
    }
    "steps.master.SetProperty" => {
        description = List(&["Setting"]); descriptionDone = List(&["Set"]);
        name = Text("SetProperty");
    }
    "steps.maxq.MaxQ" => {
        name = Text("maxq");
    }
    "steps.package.deb.lintian.DebLintian" => {
        description = Text("Lintian running"); descriptionDone = Text("Lintian");
        flunkOnFailure = Bool(false); name = Text("lintian"); warnOnFailure = Bool(true);
    }
    "steps.package.deb.pbuilder.DebCowbuilder" | "steps.package.deb.pbuilder.UbuCowbuilder" => {
        description = List(&["building"]); descriptionDone = List(&["built"]);
        haltOnFailure = Bool(true); name = Text("cowbuilder");
    }
    "steps.package.deb.pbuilder.DebPbuilder" | "steps.package.deb.pbuilder.UbuPbuilder" => {
        description = List(&["building"]); descriptionDone = List(&["built"]);
        haltOnFailure = Bool(true); name = Text("pbuilder");
    }
    "steps.package.rpm.mock.Mock" => {
        haltOnFailure = Bool(true); name = Text("mock");
    }
    "steps.package.rpm.mock.MockBuildSRPM" => {
        description = List(&["mock buildsrpm"]); descriptionDone = List(&["mock buildsrpm"]);
        haltOnFailure = Bool(true); name = Text("mockbuildsrpm");
    }
    "steps.package.rpm.mock.MockRebuild" => {
        description = List(&["mock rebuilding srpm"]);
        descriptionDone = List(&["mock rebuild srpm"]); haltOnFailure = Bool(true);
        name = Text("mock");
    }
    "steps.package.rpm.rpmbuild.RpmBuild" => {
        description = List(&["RPMBUILD"]); descriptionDone = List(&["RPMBUILD"]);
        haltOnFailure = Bool(true); name = Text("rpmbuilder");
    }
    "steps.package.rpm.rpmlint.RpmLint" => {
        command = List(&["make", "test"]); description = List(&["Checking for RPM/SPEC issues"]);
        descriptionDone = List(&["Finished checking RPM/SPEC issues"]); name = Text("rpmlint");
        warnOnFailure = Bool(true);
    }
    "steps.python.BuildEPYDoc" => {
        command = List(&["make", "epydocs"]); description = Text("building epydocs");
        descriptionDone = Text("epydoc"); name = Text("epydoc");
    }
    "steps.python.PyFlakes" => {
        command = List(&["make", "pyflakes"]); description = Text("running pyflakes");
        descriptionDone = Text("pyflakes"); flunkOnFailure = Bool(false); name = Text("pyflakes");
    }
    "steps.python.PyLint" => {
        description = Text("running pylint"); descriptionDone = Text("pylint");
        name = Text("pylint");
    }
    "steps.python.Sphinx" => {
        description = Text("running sphinx"); descriptionDone = Text("sphinx");
        haltOnFailure = Bool(true); name = Text("sphinx");
    }
    "steps.python_twisted.HLint" => {
        description = Text("running hlint"); descriptionDone = Text("hlint"); name = Text("hlint");
        warnOnFailure = Bool(true); warnOnWarnings = Bool(true);
    }
    "steps.python_twisted.RemovePYCs" => {
        command = List(&["find", ".", "-name", "'*.pyc'", "-exec", "rm", "{}", ";"]);
        description = Text("removing .pyc files"); descriptionDone = Text("remove .pycs");
        name = Text("remove_pyc");
    }
    "steps.python_twisted.Trial" => {
        description = Text("testing"); descriptionDone = Text("tests");
        logfiles = Dict(&[("test.log", "_trial_temp/test.log")]); name = Text("trial");
        progressMetrics = Tuple(&["output", "tests", "test.log"]);
    }
    "steps.shell.Compile" => {
        command = List(&["make", "all"]); description = List(&["compiling"]);
        descriptionDone = List(&["compile"]); haltOnFailure = Bool(true); name = Text("compile");
    }
    "steps.shell.Configure" => {
        command = List(&["./configure"]); description = Text("configuring");
        descriptionDone = Text("configure"); haltOnFailure = Bool(true); name = Text("configure");
    }
    "steps.shell.PerlModuleTest" => {
        command = List(&["prove", "--lib", "lib", "-r", "t"]); description = List(&["testing"]);
        descriptionDone = List(&["test"]); name = Text("test"); warnOnFailure = Bool(true);
    }
    "steps.shell.SetPropertyFromCommand" => {
        name = Text("setproperty");
    }
    "steps.shell.ShellCommand" | "steps.subunit.SubunitShellCommand" => {
        name = Text("shell");
    }
    "steps.shell.Test" => {
        command = List(&["make", "test"]); description = List(&["testing"]);
        descriptionDone = List(&["test"]); name = Text("test"); warnOnFailure = Bool(true);
    }
    "steps.shell.TreeSize" => {
        command = List(&["du", "-s", "-k", "."]);
        description = List(&["measuring", "tree", "size"]); name = Text("treesize");
    }
    "steps.source.base.Source" => {
        haltOnFailure = Bool(true); workdir = Constant::None;
    }
    "steps.source.bzr.Bzr" => {
        haltOnFailure = Bool(true); mode = Text("incremental"); name = Text("bzr");
        workdir = Constant::None;
    }
    "steps.source.cvs.CVS" => {
        haltOnFailure = Bool(true); mode = Text("incremental"); name = Text("cvs");
        workdir = Constant::None;
    }
    "steps.source.darcs.Darcs" => {
        haltOnFailure = Bool(true); mode = Text("incremental"); name = Text("darcs");
        workdir = Constant::None;
    }
    "steps.source.gerrit.Gerrit" | "steps.source.git.Git" | "steps.source.github.GitHub" |
    "steps.source.gitlab.GitLab" => {
        haltOnFailure = Bool(true); mode = Text("incremental"); name = Text("git");
        workdir = Constant::None;
    }
    "steps.source.git.GitCommit" => {
        name = Text("gitcommit"); workdir = Constant::None;
    }
    "steps.source.git.GitPush" => {
        name = Text("gitpush"); workdir = Constant::None;
    }
    "steps.source.git.GitTag" => {
        name = Text("gittag"); workdir = Constant::None;
    }
    "steps.source.mercurial.Mercurial" => {
        haltOnFailure = Bool(true); mode = Text("incremental"); name = Text("hg");
        workdir = Constant::None;
    }
    "steps.source.mtn.Monotone" => {
        haltOnFailure = Bool(true); mode = Text("incremental"); name = Text("monotone");
        workdir = Constant::None;
    }
    "steps.source.p4.P4" => {
        haltOnFailure = Bool(true); mode = Text("incremental"); name = Text("p4");
        workdir = Constant::None;
    }
    "steps.source.repo.Repo" => {
        haltOnFailure = Bool(true); name = Text("repo"); workdir = Constant::None;
    }
    "steps.source.svn.SVN" => {
        haltOnFailure = Bool(true); mode = Text("incremental"); name = Text("svn");
        workdir = Constant::None;
    }
    "steps.transfer.DirectoryUpload" | "steps.transfer.FileUpload" |
    "steps.transfer.MultipleFileUpload" => {
        haltOnFailure = Bool(true); name = Text("upload"); workdir = Constant::None;
    }
    "steps.transfer.FileDownload" => {
        haltOnFailure = Bool(true); name = Text("download"); workdir = Constant::None;
    }
    "steps.transfer.JSONPropertiesDownload" => {
        haltOnFailure = Bool(true); name = Text("json_properties_download");
        workdir = Constant::None;
    }
    "steps.transfer.JSONStringDownload" => {
        haltOnFailure = Bool(true); name = Text("json_download"); workdir = Constant::None;
    }
    "steps.transfer.StringDownload" => {
        haltOnFailure = Bool(true); name = Text("string_download"); workdir = Constant::None;
    }
    "steps.trigger.Trigger" => {
        name = Text("trigger");
    }
    "steps.vstudio.MsBuild12" | "steps.vstudio.MsBuild14" | "steps.vstudio.MsBuild4" => {
        description = Text("building"); descriptionDone = Text("compile"); name = Text("compile");
        progressMetrics = Tuple(&["projects", "files", "warnings"]);
    }
    "steps.vstudio.MsBuild141" | "steps.vstudio.MsBuild16" | "steps.vstudio.MsBuild17" |
    "steps.vstudio.VC10" | "steps.vstudio.VC11" | "steps.vstudio.VC12" | "steps.vstudio.VC14" |
    "steps.vstudio.VC141" | "steps.vstudio.VC6" | "steps.vstudio.VC7" | "steps.vstudio.VC8" |
    "steps.vstudio.VC9" | "steps.vstudio.VCExpress9" | "steps.vstudio.VS2019" |
    "steps.vstudio.VS2022" | "steps.vstudio.VisualStudio" => {
        description = Text("compiling"); descriptionDone = Text("compile"); name = Text("compile");
        progressMetrics = Tuple(&["projects", "files", "warnings"]);
    }
    "steps.worker.CopyDirectory" => {
        description = List(&["Copying"]); descriptionDone = List(&["Copied"]);
        haltOnFailure = Bool(true); name = Text("CopyDirectory");
    }
    "steps.worker.FileExists" => {
        haltOnFailure = Bool(true); name = Text("FileExists");
    }
    "steps.worker.MakeDirectory" => {
        description = List(&["Creating"]); descriptionDone = List(&["Created"]);
        haltOnFailure = Bool(true); name = Text("MakeDirectory");
    }
    "steps.worker.RemoveDirectory" => {
        description = List(&["Deleting"]); descriptionDone = List(&["Deleted"]);
        haltOnFailure = Bool(true); name = Text("RemoveDirectory");
    }
    "steps.worker.SetPropertiesFromEnv" => {
        description = List(&["Setting"]); descriptionDone = List(&["Set"]);
        name = Text("SetPropertiesFromEnv");
    }
}
