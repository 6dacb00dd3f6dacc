//! Steps for Windows.

use crate::arguments::arguments;
use buildbot_render::Value;

arguments! {
    /// What robocopy has.
    pub struct RobocopyArguments {
        source: Value = "source",
        destination: Value = "destination",
        exclude: Value = "exclude",
        exclude_files: Value = "exclude_files",
        files: Value = "files",
        recursive: bool = "recursive",
        mirror: bool = "mirror",
        move_files: bool = "move",
        exclude_dirs: Value = "exclude_dirs",
        custom_opts: Value = "custom_opts",
        verbose: bool = "verbose",
    }
}

arguments! {
    /// What Visual Studio has.
    pub struct VisualStudioArguments {
        installdir: Value = "installdir",
        mode: Value = "mode" or "rebuild".into(),
        projectfile: Value = "projectfile",
        config: Value = "config" or "release".into(),
        useenv: bool = "useenv",
        project: Value = "project",
        include: Value = "INCLUDE",
        lib: Value = "LIB",
        path: Value = "PATH",
    }
}

arguments! {
    /// What Visual Studio has since 8.
    pub struct VisualStudioArchArguments {
        arch: Value = "arch" or "x86".into(),
        installdir: Value = "installdir",
        mode: Value = "mode" or "rebuild".into(),
        projectfile: Value = "projectfile",
        config: Value = "config" or "release".into(),
        useenv: bool = "useenv",
        project: Value = "project",
        include: Value = "INCLUDE",
        lib: Value = "LIB",
        path: Value = "PATH",
    }
}

arguments! {
    /// What MSBuild has.
    pub struct MsBuildArguments {
        platform: Value = "platform",
        defines: Value = "defines",
        installdir: Value = "installdir",
        mode: Value = "mode" or "rebuild".into(),
        projectfile: Value = "projectfile",
        config: Value = "config" or "release".into(),
        useenv: bool = "useenv",
        project: Value = "project",
        include: Value = "INCLUDE",
        lib: Value = "LIB",
        path: Value = "PATH",
    }
}
