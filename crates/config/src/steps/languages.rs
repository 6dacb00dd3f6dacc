//! Steps for the tools of languages.

use crate::arguments::arguments;
use buildbot_render::Value;

arguments! {
    /// What CMake has.
    pub struct CMakeArguments {
        path: Value = "path",
        generator: Value = "generator",
        definitions: Value = "definitions",
        options: Value = "options",
        cmake: Value = "cmake" or "cmake".into(),
    }
}

arguments! {
    /// What Cppcheck has.
    pub struct CppcheckArguments {
        binary: Value = "binary" or "cppcheck".into(),
        source: Value = "source" or Value::List(vec![".".into()]),
        enable: Value = "enable" or Value::List(vec![]),
        inconclusive: bool = "inconclusive",
        extra_args: Value = "extra_args" or Value::List(vec![]),
    }
}

arguments! {
    /// What maxq has.
    pub struct MaxQArguments {
        testdir: Value = "testdir",
    }
}

arguments! {
    /// What PyLint has.
    pub struct PyLintArguments {
        store_results: bool = "store_results" or true,
    }
}

arguments! {
    /// What Sphinx has.
    pub struct SphinxArguments {
        sphinx_sourcedir: Value = "sphinx_sourcedir" or ".".into(),
        sphinx_builddir: Value = "sphinx_builddir",
        sphinx_builder: Value = "sphinx_builder",
        sphinx: Value = "sphinx" or "sphinx-build".into(),
        tags: Value = "tags",
        defines: Value = "defines",
        strict_warnings: bool = "strict_warnings",
        mode: Value = "mode" or "incremental".into(),
    }
}

arguments! {
    /// What HLint has.
    pub struct HLintArguments {
        python: Value = "python",
    }
}

arguments! {
    /// What Trial has.
    pub struct TrialArguments {
        reactor: Value = "reactor" or Value::Tuple(vec![]),
        python: Value = "python",
        trial: Value = "trial",
        testpath: Value = "testpath" or Value::Tuple(vec![]),
        tests: Value = "tests",
        test_changes: Value = "testChanges",
        recurse: Value = "recurse",
        randomly: Value = "randomly",
        trial_mode: Value = "trialMode",
        trial_args: Value = "trialArgs",
        jobs: Value = "jobs",
    }
}
