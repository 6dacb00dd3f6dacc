//! What steps may know of their surroundings.

use buildbot_render::Value;

/// A build, as its steps see it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BuildFacts {
    /// The id of the build.
    pub build_id: i64,
    /// Its number.
    pub number: i64,
    /// The name of its builder.
    pub builder: String,
    /// The id of its builder.
    pub builder_id: i64,
    /// The directory of the builder on the worker: `workerbuilddir`.
    pub builder_dir: String,
    /// The environment of the builder; it may be or contain renderables.
    pub env: Value,
    /// The directory of the factory: a text, a renderable, or a callable.
    pub workdir: Value,
    /// The sources.
    pub sources: Vec<SourceFacts>,
    /// Where the master's pages are, with a slash at the end.
    pub buildbot_url: String,
    /// How texts of logs are decoded.
    pub log_encoding: String,
    /// The variables of the master's own process.
    pub master_environment: Vec<(String, String)>,
    /// The base directory of the master.
    pub basedir: String,
}

impl BuildFacts {
    /// The source stamp of a codebase.
    pub fn source(&self, codebase: &str) -> Option<&SourceFacts> {
        self.sources
            .iter()
            .find(|source| source.codebase == codebase)
    }

    /// The files of all changes, in their order.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.sources
            .iter()
            .flat_map(|source| &source.changes)
            .flat_map(|change| &change.files)
            .map(String::as_str)
    }
}

/// A source stamp with what belongs to it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SourceFacts {
    /// Its id.
    pub id: i64,
    /// The codebase.
    pub codebase: String,
    /// Where the sources are kept.
    pub repository: String,
    /// The project.
    pub project: String,
    /// The branch; `None` is the default one.
    pub branch: Option<String>,
    /// The revision; `None` is the newest.
    pub revision: Option<String>,
    /// What is applied to it.
    pub patch: Option<PatchFacts>,
    /// What is new in it.
    pub changes: Vec<ChangeFacts>,
}

/// A patch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PatchFacts {
    /// How many directories are taken off the names of files: `-p`.
    pub level: i64,
    /// The patch itself.
    pub body: Vec<u8>,
    /// Where it is applied.
    pub subdir: String,
    /// Who made it.
    pub author: String,
    /// What is said about it.
    pub comment: String,
}

/// A change.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChangeFacts {
    /// Its id.
    pub id: i64,
    /// Who made it.
    pub author: String,
    /// Who committed it.
    pub committer: Option<String>,
    /// What is said about it.
    pub comments: String,
    /// The files.
    pub files: Vec<String>,
    /// The branch.
    pub branch: Option<String>,
    /// The revision.
    pub revision: Option<String>,
    /// Its category.
    pub category: Option<String>,
    /// A page about it.
    pub revlink: String,
    /// When it happened, in seconds since the epoch.
    pub when: i64,
    /// Its properties: name, value, source.
    pub properties: Vec<(String, Value, String)>,
}

/// A worker, as steps see it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkerFacts {
    /// Its name.
    pub name: String,
    /// Its version: `4.3.0`.
    pub version: String,
    /// Where it works.
    pub basedir: String,
    /// `posix` or `nt`.
    pub system: String,
    /// Its environment.
    pub environ: Vec<(String, String)>,
    /// The commands that it knows, with their versions.
    pub commands: Vec<(String, String)>,
}

impl WorkerFacts {
    /// The version of a command, if the worker knows it.
    pub fn command_version(&self, command: &str) -> Option<&str> {
        self.commands
            .iter()
            .find(|(name, _)| name == command)
            .map(|(_, version)| version.as_str())
    }

    /// Whether the worker's command is older than `version`, numbers with dots, or not known at all.
    pub fn is_older_than(&self, command: &str, version: &str) -> bool {
        let numbers = |text: &str| -> Vec<u64> {
            text.split('.')
                .map(|part| part.parse().unwrap_or_default())
                .collect()
        };
        self.command_version(command)
            .is_none_or(|known| numbers(known) < numbers(version))
    }

    /// Whether paths are those of Windows.
    pub fn is_windows(&self) -> bool {
        self.system == "nt"
    }

    /// A path below another one, in the way of the worker's system.
    pub fn join(&self, directory: &str, name: &str) -> String {
        let separators: &[char] = if self.is_windows() {
            &['/', '\\']
        } else {
            &['/']
        };
        let is_absolute =
            name.starts_with(separators) || self.is_windows() && name.get(1..2) == Some(":");
        if is_absolute || directory.is_empty() {
            return name.to_owned();
        }
        if directory.ends_with(separators) {
            return format!("{directory}{name}");
        }
        let separator = if self.is_windows() { '\\' } else { '/' };
        format!("{directory}{separator}{name}")
    }

    /// A path without `.`, `..` and empty parts, in the way of the worker's system.
    pub fn normalized(&self, path: &str) -> String {
        let (separator, path) = if self.is_windows() {
            ('\\', path.replace('/', "\\"))
        } else {
            ('/', path.to_owned())
        };
        let start = if path.starts_with(separator) {
            separator.to_string()
        } else {
            String::new()
        };
        let mut parts: Vec<&str> = Vec::new();
        for part in path.split(separator) {
            match part {
                "" | "." => {}
                ".." if parts.last().is_some_and(|last| *last != "..") => {
                    parts.pop();
                }
                ".." if !start.is_empty() => {}
                part => parts.push(part),
            }
        }
        let joined = parts.join(&separator.to_string());
        if start.is_empty() && joined.is_empty() {
            return ".".to_owned();
        }
        start + &joined
    }

    /// What separates the elements of `PATH`.
    pub fn path_list_separator(&self) -> &'static str {
        if self.is_windows() { ";" } else { ":" }
    }
}
