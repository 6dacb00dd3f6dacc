//! The modules, functions and classes that a tac file can name.

/// What a dotted name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    Module,
    /// A function, class or constant under its canonical name.
    Is(&'static str),
}

use Meaning::{Is, Module};

/// Every dotted name that is understood. Names that mean the same share the canonical one.
const KNOWN: &[(&str, Meaning)] = &[
    ("buildbot", Module),
    ("buildbot.slave", Module),
    ("buildbot.slave.bot", Module),
    ("buildbot.slave.bot.BuildSlave", Is("BuildSlave")),
    ("buildbot_worker", Module),
    ("buildbot_worker.bot", Module),
    ("buildbot_worker.bot.Worker", Is("Worker")),
    ("buildslave", Module),
    ("buildslave.bot", Module),
    ("buildslave.bot.BuildSlave", Is("BuildSlave")),
    ("fnmatch", Module),
    ("fnmatch.fnmatch", Is("fnmatch.fnmatch")),
    ("fnmatch.fnmatchcase", Is("fnmatch.fnmatch")),
    ("io", Module),
    ("io.open", Is("open")),
    ("multiprocessing", Module),
    ("multiprocessing.cpu_count", Is("os.cpu_count")),
    ("os", Module),
    ("os.cpu_count", Is("os.cpu_count")),
    ("os.environ", Is("os.environ")),
    ("os.getcwd", Is("os.getcwd")),
    ("os.getenv", Is("os.getenv")),
    ("os.name", Is("os.name")),
    ("os.path", Module),
    ("os.path.abspath", Is("os.path.abspath")),
    ("os.path.basename", Is("os.path.basename")),
    ("os.path.dirname", Is("os.path.dirname")),
    ("os.path.exists", Is("os.path.exists")),
    ("os.path.expanduser", Is("os.path.expanduser")),
    ("os.path.isabs", Is("os.path.isabs")),
    ("os.path.isdir", Is("os.path.isdir")),
    ("os.path.isfile", Is("os.path.isfile")),
    ("os.path.join", Is("os.path.join")),
    ("os.path.normpath", Is("os.path.normpath")),
    ("os.path.realpath", Is("os.path.realpath")),
    ("os.pathsep", Is("os.pathsep")),
    ("os.sep", Is("os.sep")),
    ("os.uname", Is("os.uname")),
    ("platform", Module),
    ("platform.machine", Is("platform.machine")),
    ("platform.node", Is("socket.gethostname")),
    ("platform.release", Is("platform.release")),
    ("platform.system", Is("platform.system")),
    ("socket", Module),
    ("socket.gethostname", Is("socket.gethostname")),
    ("sys", Module),
    ("sys.platform", Is("sys.platform")),
    ("sys.stderr", Is("sys.stderr")),
    ("sys.stdout", Is("sys.stdout")),
    ("twisted", Module),
    ("twisted.application", Module),
    ("twisted.application.service", Module),
    ("twisted.application.service.Application", Is("Application")),
    ("twisted.logger", Module),
    (
        "twisted.logger.FilteringLogObserver",
        Is("FilteringLogObserver"),
    ),
    ("twisted.logger.ILogObserver", Is("ILogObserver")),
    (
        "twisted.logger.LogLevelFilterPredicate",
        Is("LogLevelFilterPredicate"),
    ),
    (
        "twisted.logger.textFileLogObserver",
        Is("textFileLogObserver"),
    ),
    ("twisted.python", Module),
    ("twisted.python.log", Module),
    ("twisted.python.log.FileLogObserver", Is("FileLogObserver")),
    ("twisted.python.log.ILogObserver", Is("ILogObserver")),
    ("twisted.python.logfile", Module),
    ("twisted.python.logfile.LogFile", Is("LogFile")),
];

/// Functions that need no import.
const BUILTINS: &[&str] = &[
    "bool", "float", "int", "len", "list", "max", "min", "open", "print", "repr", "sorted", "str",
    "tuple",
];

/// Looks a dotted name up.
pub(crate) fn known(path: &str) -> Option<(&'static str, Meaning)> {
    KNOWN.iter().find(|(name, _)| *name == path).copied()
}

/// Looks a function up that needs no import.
pub(crate) fn builtin(name: &str) -> Option<&'static str> {
    BUILTINS.iter().find(|known| **known == name).copied()
}

/// The names in a module, for a message.
pub(crate) fn within(module: &str) -> String {
    let names: Vec<&str> = KNOWN
        .iter()
        .filter_map(|(name, _)| name.strip_prefix(module)?.strip_prefix('.'))
        .filter(|name| !name.contains('.'))
        .collect();
    names.join(", ")
}

/// The modules that can be imported, for a message.
pub(crate) fn modules() -> String {
    let names: Vec<&str> = KNOWN
        .iter()
        .filter(|(name, meaning)| {
            *meaning == Module && !name.starts_with("buildbot.") && *name != "buildbot"
        })
        .map(|(name, _)| *name)
        .collect();
    names.join(", ")
}

/// The functions that need no import, for a message.
pub(crate) fn builtins() -> String {
    BUILTINS.join(", ")
}
