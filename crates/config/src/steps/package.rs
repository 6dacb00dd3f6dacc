//! Steps that make and check packages.

use crate::arguments::arguments;
use buildbot_render::Value;

arguments! {
    /// What Lintian checks.
    pub struct LintianArguments {
        fileloc: Value = "fileloc",
        suppress_tags: Value = "suppressTags",
    }
}

arguments! {
    /// What pbuilder makes.
    pub struct PbuilderArguments {
        architecture: Value = "architecture",
        distribution: Value = "distribution",
        basetgz: Value = "basetgz",
        mirror: Value = "mirror",
        othermirror: Value = "othermirror",
        extrapackages: Value = "extrapackages",
        keyring: Value = "keyring",
        components: Value = "components",
        warning_pattern: Value = "warningPattern",
        warning_extractor: Value = "warningExtractor",
        max_warn_count: Value = "maxWarnCount",
        directory_enter_pattern: Value = "directoryEnterPattern",
        directory_leave_pattern: Value = "directoryLeavePattern",
        suppression_file: Value = "suppressionFile",
        suppression_list: Value = "suppressionList",
    }
}

arguments! {
    /// Where mock works.
    pub struct MockArguments {
        root: Value = "root",
        resultdir: Value = "resultdir",
    }
}

arguments! {
    /// What mock makes of a specification.
    pub struct MockBuildArguments {
        spec: Value = "spec",
        sources: Value = "sources",
        root: Value = "root",
        resultdir: Value = "resultdir",
    }
}

arguments! {
    /// What mock makes of a source package.
    pub struct MockRebuildArguments {
        srpm: Value = "srpm",
        root: Value = "root",
        resultdir: Value = "resultdir",
    }
}

arguments! {
    /// What rpmbuild makes.
    pub struct RpmBuildArguments {
        specfile: Value = "specfile",
        topdir: Value = "topdir" or "`pwd`".into(),
        builddir: Value = "builddir" or "`pwd`".into(),
        rpmdir: Value = "rpmdir" or "`pwd`".into(),
        sourcedir: Value = "sourcedir" or "`pwd`".into(),
        specdir: Value = "specdir" or "`pwd`".into(),
        srcrpmdir: Value = "srcrpmdir" or "`pwd`".into(),
        dist: Value = "dist" or ".el6".into(),
        define: Value = "define",
        auto_release: bool = "autoRelease",
        vcs_revision: bool = "vcsRevision",
    }
}

arguments! {
    /// What rpmlint checks.
    pub struct RpmLintArguments {
        fileloc: Value = "fileloc",
        config: Value = "config",
        warning_pattern: Value = "warningPattern",
        warning_extractor: Value = "warningExtractor",
        max_warn_count: Value = "maxWarnCount",
        directory_enter_pattern: Value = "directoryEnterPattern",
        directory_leave_pattern: Value = "directoryLeavePattern",
        suppression_file: Value = "suppressionFile",
        suppression_list: Value = "suppressionList",
    }
}
