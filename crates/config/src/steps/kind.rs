//! What a step may be.

use super::git::{GitCommitArguments, GitDiffInfoArguments, GitPushArguments, GitTagArguments};
use super::languages::{
    CMakeArguments, CppcheckArguments, HLintArguments, MaxQArguments, PyLintArguments,
    SphinxArguments, TrialArguments,
};
use super::master::{
    AssertArguments, HttpArguments, LogRenderableArguments, MasterShellCommandArguments,
    SetPropertiesArguments, SetPropertyArguments, TriggerArguments,
};
use super::package::{
    LintianArguments, MockArguments, MockBuildArguments, MockRebuildArguments, PbuilderArguments,
    RpmBuildArguments, RpmLintArguments,
};
use super::shell::{
    SetPropertyFromCommandArguments, ShellSequenceArguments, SubunitArguments, WarningArguments,
};
use super::source::{
    BzrArguments, CvsArguments, DarcsArguments, GitArguments, MercurialArguments,
    MonotoneArguments, PerforceArguments, RepoArguments, SubversionArguments,
};
use super::transfer::{
    DirectoryUploadArguments, FileDownloadArguments, FileUploadArguments,
    JsonStringDownloadArguments, MultipleFileUploadArguments, SecretsToWorkerArguments,
    StringDownloadArguments,
};
use super::windows::{
    MsBuildArguments, RobocopyArguments, VisualStudioArchArguments, VisualStudioArguments,
};
use super::worker::{
    CopyDirectoryArguments, DirectoryArguments, FileExistsArguments, SetPropertiesFromEnvArguments,
};
use crate::arguments::kinds;

kinds! {
    /// The kinds of steps.
    pub enum StepKind in "buildbot.steps" {
        /// Properties from the output of a command.
        SetPropertyFromCommand(SetPropertyFromCommandArguments) = "shell.SetPropertyFromCommand",
        /// A command whose warnings are counted.
        WarningCountingShellCommand(WarningArguments) = "shell.WarningCountingShellCommand",
        /// A compiler.
        Compile(WarningArguments) = "shell.Compile",
        /// Tests.
        Test(WarningArguments) = "shell.Test",
        /// Tests of a module of Perl.
        PerlModuleTest(WarningArguments) = "shell.PerlModuleTest",
        /// Several commands.
        ShellSequence(ShellSequenceArguments) = "shellsequence.ShellSequence",
        /// Tests that write subunit.
        Subunit(SubunitArguments) = "subunit.SubunitShellCommand",
        /// A command.
        ShellCommand = "shell.ShellCommand",
        /// `./configure`.
        Configure = "shell.Configure",
        /// The size of the directory.
        TreeSize = "shell.TreeSize",
        /// Git.
        Git(GitArguments) = "source.git.Git",
        /// Git, with a change of Gerrit.
        Gerrit(GitArguments) = "source.gerrit.Gerrit",
        /// Git, with a pull request of GitHub.
        GitHub(GitArguments) = "source.github.GitHub",
        /// Git, with a merge request of GitLab.
        GitLab(GitArguments) = "source.gitlab.GitLab",
        /// Bazaar.
        Bzr(BzrArguments) = "source.bzr.Bzr",
        /// CVS.
        Cvs(CvsArguments) = "source.cvs.CVS",
        /// Darcs.
        Darcs(DarcsArguments) = "source.darcs.Darcs",
        /// Mercurial.
        Mercurial(MercurialArguments) = "source.mercurial.Mercurial",
        /// Monotone.
        Monotone(MonotoneArguments) = "source.mtn.Monotone",
        /// Perforce.
        Perforce(PerforceArguments) = "source.p4.P4",
        /// Android's repo.
        Repo(RepoArguments) = "source.repo.Repo",
        /// Subversion.
        Subversion(SubversionArguments) = "source.svn.SVN",
        /// Git pushes.
        GitPush(GitPushArguments) = "source.git.GitPush",
        /// Git tags.
        GitTag(GitTagArguments) = "source.git.GitTag",
        /// Git commits.
        GitCommit(GitCommitArguments) = "source.git.GitCommit",
        /// What Git sees as different.
        GitDiffInfo(GitDiffInfoArguments) = "gitdiffinfo.GitDiffInfo",
        /// A file from the worker.
        FileUpload(FileUploadArguments) = "transfer.FileUpload",
        /// A directory from the worker.
        DirectoryUpload(DirectoryUploadArguments) = "transfer.DirectoryUpload",
        /// Several files from the worker.
        MultipleFileUpload(MultipleFileUploadArguments) = "transfer.MultipleFileUpload",
        /// A file to the worker.
        FileDownload(FileDownloadArguments) = "transfer.FileDownload",
        /// A text to the worker.
        StringDownload(StringDownloadArguments) = "transfer.StringDownload",
        /// The properties to the worker.
        JsonPropertiesDownload(StringDownloadArguments) = "transfer.JSONPropertiesDownload",
        /// A value as JSON to the worker.
        JsonStringDownload(JsonStringDownloadArguments) = "transfer.JSONStringDownload",
        /// Secrets to the worker.
        DownloadSecrets(SecretsToWorkerArguments) = "download_secret_to_worker.DownloadSecretsToWorker",
        /// Secrets are removed from the worker.
        RemoveSecrets(SecretsToWorkerArguments) = "download_secret_to_worker.RemoveWorkerFileSecret",
        /// Other schedulers.
        Trigger(TriggerArguments) = "trigger.Trigger",
        /// A command of the master.
        MasterShellCommand(MasterShellCommandArguments) = "master.MasterShellCommand",
        /// A property.
        SetProperty(SetPropertyArguments) = "master.SetProperty",
        /// Properties.
        SetProperties(SetPropertiesArguments) = "master.SetProperties",
        /// Something must be true.
        Assert(AssertArguments) = "master.Assert",
        /// A value in a log.
        LogRenderable(LogRenderableArguments) = "master.LogRenderable",
        /// A request of any method.
        Http(HttpArguments) = "http.HTTPStep",
        /// `POST`.
        HttpPost(HttpArguments) = "http.POST",
        /// `GET`.
        HttpGet(HttpArguments) = "http.GET",
        /// `PUT`.
        HttpPut(HttpArguments) = "http.PUT",
        /// `DELETE`.
        HttpDelete(HttpArguments) = "http.DELETE",
        /// `HEAD`.
        HttpHead(HttpArguments) = "http.HEAD",
        /// `OPTIONS`.
        HttpOptions(HttpArguments) = "http.OPTIONS",
        /// Properties from the worker's environment.
        SetPropertiesFromEnv(SetPropertiesFromEnvArguments) = "worker.SetPropertiesFromEnv",
        /// A file must exist.
        FileExists(FileExistsArguments) = "worker.FileExists",
        /// A directory is copied.
        CopyDirectory(CopyDirectoryArguments) = "worker.CopyDirectory",
        /// A directory is made.
        MakeDirectory(DirectoryArguments) = "worker.MakeDirectory",
        /// A directory is removed.
        RemoveDirectory(DirectoryArguments) = "worker.RemoveDirectory",
        /// Lintian.
        Lintian(LintianArguments) = "package.deb.lintian.DebLintian",
        /// pbuilder and cowbuilder, for Debian and Ubuntu.
        Pbuilder(PbuilderArguments) = "package.deb.pbuilder.DebPbuilder" | "package.deb.pbuilder.DebCowbuilder" | "package.deb.pbuilder.UbuPbuilder" | "package.deb.pbuilder.UbuCowbuilder",
        /// mock.
        Mock(MockArguments) = "package.rpm.mock.Mock",
        /// mock makes a source package.
        MockBuild(MockBuildArguments) = "package.rpm.mock.MockBuildSRPM",
        /// mock makes packages of a source package.
        MockRebuild(MockRebuildArguments) = "package.rpm.mock.MockRebuild",
        /// rpmbuild.
        RpmBuild(RpmBuildArguments) = "package.rpm.rpmbuild.RpmBuild",
        /// rpmlint.
        RpmLint(RpmLintArguments) = "package.rpm.rpmlint.RpmLint",
        /// CMake.
        CMake(CMakeArguments) = "cmake.CMake",
        /// Cppcheck.
        Cppcheck(CppcheckArguments) = "cppcheck.Cppcheck",
        /// maxq.
        MaxQ(MaxQArguments) = "maxq.MaxQ",
        /// PyLint.
        PyLint(PyLintArguments) = "python.PyLint",
        /// Sphinx.
        Sphinx(SphinxArguments) = "python.Sphinx",
        /// HLint of Twisted.
        HLint(HLintArguments) = "python_twisted.HLint",
        /// Tests by Trial.
        Trial(TrialArguments) = "python_twisted.Trial",
        /// epydoc.
        EpyDoc = "python.BuildEPYDoc",
        /// PyFlakes.
        PyFlakes = "python.PyFlakes",
        /// Compiled files of Python are removed.
        RemovePycs = "python_twisted.RemovePYCs",
        /// robocopy.
        Robocopy(RobocopyArguments) = "mswin.Robocopy",
        /// Visual Studio up to 7.
        VisualStudio(VisualStudioArguments) = "vstudio.VisualStudio" | "vstudio.VC6" | "vstudio.VC7",
        /// Visual Studio since 8.
        VisualStudioArch(VisualStudioArchArguments) = "vstudio.VC8" | "vstudio.VCExpress9" | "vstudio.VC9" | "vstudio.VC10" | "vstudio.VC11" | "vstudio.VC12" | "vstudio.VC14" | "vstudio.VC141" | "vstudio.VS2019" | "vstudio.VS2022",
        /// MSBuild.
        MsBuild(MsBuildArguments) = "vstudio.MsBuild4" | "vstudio.MsBuild12" | "vstudio.MsBuild14" | "vstudio.MsBuild141" | "vstudio.MsBuild16" | "vstudio.MsBuild17",
    }
}

/// The classes that run a command.
pub(crate) const SHELL: &[&str] = &[
    "cmake.CMake",
    "cppcheck.Cppcheck",
    "gitdiffinfo.GitDiffInfo",
    "maxq.MaxQ",
    "mswin.Robocopy",
    "package.deb.lintian.DebLintian",
    "package.deb.pbuilder.DebCowbuilder",
    "package.deb.pbuilder.DebPbuilder",
    "package.deb.pbuilder.UbuCowbuilder",
    "package.deb.pbuilder.UbuPbuilder",
    "package.rpm.mock.Mock",
    "package.rpm.mock.MockBuildSRPM",
    "package.rpm.mock.MockRebuild",
    "package.rpm.rpmbuild.RpmBuild",
    "package.rpm.rpmlint.RpmLint",
    "python.BuildEPYDoc",
    "python.PyFlakes",
    "python.PyLint",
    "python.Sphinx",
    "python_twisted.HLint",
    "python_twisted.RemovePYCs",
    "python_twisted.Trial",
    "shell.Compile",
    "shell.Configure",
    "shell.PerlModuleTest",
    "shell.SetPropertyFromCommand",
    "shell.ShellCommand",
    "shell.Test",
    "shell.TreeSize",
    "shell.WarningCountingShellCommand",
    "shellsequence.ShellSequence",
    "subunit.SubunitShellCommand",
    "vstudio.MsBuild12",
    "vstudio.MsBuild14",
    "vstudio.MsBuild141",
    "vstudio.MsBuild16",
    "vstudio.MsBuild17",
    "vstudio.MsBuild4",
    "vstudio.VC10",
    "vstudio.VC11",
    "vstudio.VC12",
    "vstudio.VC14",
    "vstudio.VC141",
    "vstudio.VC6",
    "vstudio.VC7",
    "vstudio.VC8",
    "vstudio.VC9",
    "vstudio.VCExpress9",
    "vstudio.VS2019",
    "vstudio.VS2022",
    "vstudio.VisualStudio",
];

/// The classes that fetch sources.
pub(crate) const SOURCE: &[&str] = &[
    "source.base.Source",
    "source.bzr.Bzr",
    "source.cvs.CVS",
    "source.darcs.Darcs",
    "source.gerrit.Gerrit",
    "source.git.Git",
    "source.github.GitHub",
    "source.gitlab.GitLab",
    "source.mercurial.Mercurial",
    "source.mtn.Monotone",
    "source.p4.P4",
    "source.repo.Repo",
    "source.svn.SVN",
];
