//! Calls of the functions and classes that a tac file may use.

use std::path::PathBuf;
use std::rc::Rc;

use super::Evaluator;
use super::method::needed_text;
use crate::arguments::{self, Arguments, Bound, Given, whole_number};
use crate::error::Fault;
use crate::paths;
use crate::surroundings::FileKind;
use crate::text;
use crate::value::{Number, OpenFile, Value};
use crate::worker::LogTarget;

/// The longest file that `open` reads.
const FILE_BYTES_MAX: u64 = 100_000;

/// Where a log file is rotated unless the file says otherwise; twistd's own default.
const ROTATE_LENGTH_DEFAULT: u64 = 1_000_000;

impl Evaluator<'_> {
    /// Calls `callee`.
    pub(super) fn call(
        &mut self,
        at: usize,
        callee: Value,
        arguments: Arguments,
    ) -> Result<Value, Fault> {
        let name = match callee {
            Value::Known(name) => name,
            Value::Method(object, name) => return self.method(at, &object, &name, arguments),
            other => {
                return Err(Fault::new(
                    at,
                    format!("{} cannot be called", other.kind()),
                    "remove the parentheses, or write the name of a function",
                ));
            }
        };
        match name {
            "int" => self.int(at, arguments),
            "float" => self.float(at, arguments),
            "str" | "repr" => {
                let mut bound = arguments.bind(name, &["object"], 1, 0)?;
                let Some(given) = bound.take("object") else {
                    return Ok(Value::text(""));
                };
                self.charge(at, given.value.size())?;
                let shown = if name == "str" {
                    text::str(&given.value)
                } else {
                    text::repr(&given.value)
                };
                self.new_text(at, shown)
            }
            "bool" => {
                let mut bound = arguments.bind(name, &["value"], 1, 0)?;
                let value = bound.take("value").map_or(Value::None, |given| given.value);
                Ok(Value::Bool(self.truth(&value)))
            }
            "len" | "list" | "tuple" | "sorted" => self.collection(at, name, arguments),
            "min" | "max" => self.extreme(at, name, arguments),
            "print" => self.print(at, arguments),
            "open" => self.open(at, arguments),
            "os.getenv" => {
                let mut bound = arguments.bind(name, &["key", "default"], 2, 1)?;
                let key = needed_text(&mut bound, "key")?;
                let default = bound
                    .take("default")
                    .map_or(Value::None, |given| given.value);
                Ok(match self.environ.get(&*key) {
                    Some(value) => Value::text(value.as_str()),
                    None => default,
                })
            }
            "os.getcwd" => {
                arguments.bind(name, &[], 0, 0)?;
                Ok(Value::text(self.surroundings.directory.to_string_lossy()))
            }
            "os.cpu_count" => {
                arguments.bind(name, &[], 0, 0)?;
                Ok(Value::Int(
                    i128::try_from(self.surroundings.cpus).unwrap_or(1),
                ))
            }
            "os.uname" | "socket.gethostname" | "platform.machine" | "platform.release"
            | "platform.system" => {
                arguments.bind(name, &[], 0, 0)?;
                let machine = &self.surroundings.machine;
                let single = match name {
                    "socket.gethostname" => &machine.node,
                    "platform.machine" => &machine.machine,
                    "platform.release" => &machine.release,
                    "platform.system" => &machine.system,
                    _ => {
                        let names = [
                            &machine.system,
                            &machine.node,
                            &machine.release,
                            &machine.version,
                            &machine.machine,
                        ];
                        let values = names.map(|name| Value::text(name.as_str()));
                        return self.tuple(at, values.to_vec());
                    }
                };
                Ok(Value::text(single.as_str()))
            }
            "fnmatch.fnmatch" => {
                let mut bound = arguments.bind(name, &["name", "pat"], 2, 2)?;
                let name = needed_text(&mut bound, "name")?;
                let pattern = needed_text(&mut bound, "pat")?;
                self.charge(at, name.len().saturating_mul(pattern.len()))?;
                Ok(Value::Bool(paths::fnmatch(&name, &pattern)))
            }
            "Application" => self.make_application(arguments),
            "Worker" | "BuildSlave" => self.make_worker(at, name, arguments),
            "LogFile" => {
                let parameters = [
                    "name",
                    "directory",
                    "rotateLength",
                    "defaultMode",
                    "maxRotatedFiles",
                ];
                let mut bound = arguments.bind(name, &parameters, 5, 2)?;
                let name = needed_text(&mut bound, "name")?;
                let directory = needed_text(&mut bound, "directory")?;
                log_file(paths::join(&directory, &name), bound)
            }
            "LogFile.fromFullPath" => {
                let parameters = ["filename", "rotateLength", "defaultMode", "maxRotatedFiles"];
                let mut bound = arguments.bind(name, &parameters, 4, 1)?;
                let path = needed_text(&mut bound, "filename")?;
                log_file(path.to_string(), bound)
            }
            "FileLogObserver" | "textFileLogObserver" => {
                let parameter = if name == "FileLogObserver" {
                    "f"
                } else {
                    "outFile"
                };
                let mut bound = arguments.bind(name, &[parameter], 1, 1)?;
                match bound.take(parameter) {
                    Some(Given {
                        value: Value::Stream(target),
                        ..
                    }) => Ok(Value::Observer(target)),
                    other => Err(Fault::new(
                        other.map_or(at, |given| given.at),
                        format!("{name}(…) needs a LogFile, sys.stdout or sys.stderr"),
                        "for instance FileLogObserver(sys.stdout).emit",
                    )),
                }
            }
            "FilteringLogObserver" => {
                let mut bound = arguments.bind(name, &["observer", "predicates"], 2, 2)?;
                let observer = bound.take("observer");
                let predicates = bound
                    .take("predicates")
                    .map_or(Value::None, |given| given.value);
                let ordinary = self
                    .iterate(at, &predicates)?
                    .iter()
                    .all(|predicate| matches!(predicate, Value::LevelPredicate));
                match observer.map(|given| given.value) {
                    Some(Value::Observer(target) | Value::Emit(target)) if ordinary => {
                        Ok(Value::Observer(target))
                    }
                    _ => Err(Fault::new(
                        at,
                        "this filter of the log is not known here",
                        "allowed: FilteringLogObserver(textFileLogObserver(sys.stdout), \
                            predicates=[LogLevelFilterPredicate()])",
                    )),
                }
            }
            "LogLevelFilterPredicate" => {
                arguments.bind(name, &[], 0, 0)?;
                Ok(Value::LevelPredicate)
            }
            path => match path.strip_prefix("os.path.") {
                Some(function) => self.path_function(at, function, arguments),
                None => Err(Fault::new(
                    at,
                    format!("`{path}` cannot be called"),
                    "write the name of a function",
                )),
            },
        }
    }

    fn path_function(
        &mut self,
        at: usize,
        function: &str,
        mut arguments: Arguments,
    ) -> Result<Value, Fault> {
        if function == "join" {
            let rest = arguments
                .positional
                .split_off(arguments.positional.len().min(1));
            let mut bound = arguments.bind(function, &["a"], 1, 1)?;
            let mut path = needed_text(&mut bound, "a")?.to_string();
            for given in rest {
                let Value::Text(part) = &given.value else {
                    return Err(Fault::new(
                        given.at,
                        format!("os.path.join(…) needs text, not {}", given.value.kind()),
                        "write the parts in quotes",
                    ));
                };
                self.charge(at, path.len() + part.len())?;
                path = paths::join(&path, part);
            }
            return self.new_text(at, path);
        }
        let mut bound = arguments.bind(function, &["path"], 1, 1)?;
        let path = needed_text(&mut bound, "path")?;
        self.charge(at, path.len())?;
        let surroundings = self.surroundings;
        let kind = || surroundings.files.kind(&paths::opened(&path, surroundings));
        match function {
            "abspath" => self.new_text(at, paths::abspath(&path, surroundings)),
            "normpath" => self.new_text(at, paths::normpath(&path)),
            "basename" => self.new_text(at, paths::basename(&path)),
            "dirname" => self.new_text(at, paths::dirname(&path)),
            "realpath" => {
                // Each part is one question to the system.
                self.charge(at, path.len().saturating_mul(10))?;
                self.new_text(at, paths::realpath(&path, surroundings))
            }
            "expanduser" => self.expanduser(at, &path),
            "isabs" => Ok(Value::Bool(path.starts_with('/'))),
            "exists" | "isfile" | "isdir" => {
                self.charge(at, 1000)?;
                let found = kind();
                Ok(Value::Bool(match function {
                    "exists" => found.is_some(),
                    "isfile" => found == Some(FileKind::File),
                    _ => found == Some(FileKind::Directory),
                }))
            }
            _ => Err(Fault::new(
                at,
                format!("`os.path.{function}` cannot be called"),
                "write the name of a function",
            )),
        }
    }

    /// Differs: `~user` in a path is refused unless it stays literal in Python too, because the file may not
    /// look other users up.
    fn expanduser(&mut self, at: usize, path: &str) -> Result<Value, Fault> {
        let Some(rest) = path.strip_prefix('~') else {
            return self.new_text(at, path);
        };
        if !rest.is_empty() && !rest.starts_with('/') {
            return Err(Fault::new(
                at,
                "the home of another user is not known here",
                "write the path itself",
            ));
        }
        let home = match self.environ.get("HOME") {
            Some(home) => home.clone(),
            None => match &self.surroundings.home {
                Some(home) => home.to_string_lossy().into_owned(),
                None => return self.new_text(at, path),
            },
        };
        let expanded = format!("{}{rest}", home.trim_end_matches('/'));
        let expanded = if expanded.is_empty() {
            "/".into()
        } else {
            expanded
        };
        self.new_text(at, expanded)
    }

    fn int(&mut self, at: usize, arguments: Arguments) -> Result<Value, Fault> {
        let mut bound = arguments.bind("int", &["x", "base"], 2, 1)?;
        let base = bound.take("base");
        let Some(given) = bound.take("x") else {
            return Ok(Value::Int(0));
        };
        let refused = |found: &str| {
            Fault::new(
                given.at,
                format!("int(…) needs a whole number, not {found}"),
                "check the value; os.environ.get(…) is None if the variable is not set",
            )
        };
        let base = match base.map(|base| base.value) {
            None => None,
            Some(Value::Int(base @ (2 | 8 | 10 | 16))) => u32::try_from(base).ok(),
            Some(_) => {
                return Err(Fault::new(
                    at,
                    "this base of int(…) is not supported",
                    "allowed: 2, 8, 10, 16",
                ));
            }
        };
        match (&given.value, base) {
            (Value::Text(text), base) => {
                self.charge(at, text.len())?;
                whole_number(text, base.unwrap_or(10))
                    .map(Value::Int)
                    .ok_or_else(|| refused("text of another form"))
            }
            (value, None) => match value.number() {
                Some(Number::Int(number)) => Ok(Value::Int(number)),
                Some(Number::Float(number)) if number.abs() < 1e38 => {
                    Ok(Value::Int(number.trunc() as i128))
                }
                Some(Number::Float(_)) | None => Err(refused(value.kind())),
            },
            (value, Some(_)) => Err(refused(value.kind())),
        }
    }

    fn float(&mut self, at: usize, arguments: Arguments) -> Result<Value, Fault> {
        let mut bound = arguments.bind("float", &["x"], 1, 1)?;
        let value = bound.take("x").map_or(Value::None, |given| given.value);
        let number = match &value {
            Value::Text(text) => {
                let plain = text.trim_matches(super::is_space);
                // Rust reads the same forms, but no underscores.
                plain.parse::<f64>().ok()
            }
            other => other.number().map(Number::float),
        };
        number.map(Value::Float).ok_or_else(|| {
            Fault::new(
                at,
                format!(
                    "float(…) needs a number, not {} of another form",
                    value.kind()
                ),
                "check the value",
            )
        })
    }

    fn collection(&mut self, at: usize, name: &str, arguments: Arguments) -> Result<Value, Fault> {
        let required = usize::from(name == "len" || name == "sorted");
        let mut bound = arguments.bind(name, &["values"], 1, required)?;
        let values = match bound.take("values") {
            Some(given) => self.iterate(given.at, &given.value)?,
            None => Vec::new(),
        };
        match name {
            "len" => Ok(Value::Int(i128::try_from(values.len()).unwrap_or(0))),
            "tuple" => self.tuple(at, values),
            "list" => self.list(at, values),
            _ => {
                let mut texts = Vec::new();
                for value in values {
                    let Value::Text(text) = value else {
                        return Err(Fault::new(
                            at,
                            format!("sorted(…) sorts only text here, not {}", value.kind()),
                            "write the values in their order",
                        ));
                    };
                    self.charge(at, text.len().saturating_mul(16))?;
                    texts.push(text);
                }
                texts.sort();
                self.list(at, texts.into_iter().map(Value::Text).collect())
            }
        }
    }

    fn extreme(&mut self, at: usize, name: &str, arguments: Arguments) -> Result<Value, Fault> {
        let refused = || {
            Fault::new(
                at,
                format!("{name}(…) needs numbers"),
                format!("for instance {name}(1, numcpus - 1)"),
            )
        };
        if !arguments.keywords.is_empty() {
            return Err(refused());
        }
        let mut values: Vec<Value> = arguments
            .positional
            .into_iter()
            .map(|given| given.value)
            .collect();
        if let [single] = values.as_slice() {
            let single = single.clone();
            values = self.iterate(at, &single)?;
        }
        let mut best: Option<(Number, Value)> = None;
        for value in values {
            let number = value.number().ok_or_else(refused)?;
            let better = best.as_ref().is_none_or(|(best, _)| {
                if name == "min" {
                    number < *best
                } else {
                    number > *best
                }
            });
            if better {
                best = Some((number, value));
            }
        }
        best.map(|(_, value)| value).ok_or_else(refused)
    }

    /// What is printed is kept: it belongs on standard output, where Python writes it.
    fn print(&mut self, at: usize, mut arguments: Arguments) -> Result<Value, Fault> {
        let values = std::mem::take(&mut arguments.positional);
        let mut bound = arguments.bind("print", &["file", "flush", "sep"], 0, 0)?;
        let separator = match bound.take("sep") {
            None => " ".into(),
            Some(given) => match given.value {
                Value::Text(text) => text,
                _ => " ".into(),
            },
        };
        let mut shown = Vec::new();
        for given in values {
            self.charge(at, given.value.size() + separator.len())?;
            shown.push(text::str(&given.value));
        }
        let to_error = matches!(
            bound.take("file").map(|given| given.value),
            Some(Value::Stream(LogTarget::StandardError))
        );
        if !to_error {
            let text = shown.join(&*separator);
            self.printed.extend(text.split('\n').map(str::to_owned));
        }
        Ok(Value::None)
    }

    fn open(&mut self, at: usize, arguments: Arguments) -> Result<Value, Fault> {
        let mut bound = arguments.bind("open", &["file", "mode", "encoding", "errors"], 2, 1)?;
        let path = needed_text(&mut bound, "file")?;
        let allowed = |given: Option<Given>, values: &[&str]| match given {
            None => true,
            Some(given) => match given.value {
                Value::None => true,
                Value::Text(text) => values.contains(&&*text.to_ascii_lowercase()),
                _ => false,
            },
        };
        if !allowed(bound.take("mode"), &["r", "rt", "tr"]) {
            return Err(Fault::new(
                at,
                "files can only be read, as text",
                "allowed: open(path), open(path, 'r')",
            ));
        }
        let encodings = ["utf-8", "utf8", "ascii", "us-ascii"];
        if !allowed(bound.take("encoding"), &encodings) {
            return Err(Fault::new(
                at,
                "files are read as UTF-8",
                "leave the encoding out, or write encoding='utf-8'",
            ));
        }
        if !allowed(bound.take("errors"), &["strict"]) {
            return Err(Fault::new(
                at,
                "files are read without replacing what is not UTF-8",
                "leave `errors` out",
            ));
        }
        self.charge(at, 10_000)?;
        let content = self
            .surroundings
            .files
            .read(&paths::opened(&path, self.surroundings), FILE_BYTES_MAX)
            .map_err(|error| {
                Fault::new(
                    at,
                    format!("cannot read {path:?}: {error}"),
                    "check that the file exists and may be read by this user",
                )
            })?;
        self.charge(at, content.len())?;
        Ok(Value::File(Rc::new(OpenFile::new(&content))))
    }

    fn make_application(&mut self, arguments: Arguments) -> Result<Value, Fault> {
        let at = arguments.at;
        let mut bound = arguments.bind("Application", &["name", "uid", "gid"], 3, 1)?;
        for name in ["uid", "gid"] {
            if let Some(given) = bound.take(name)
                && !matches!(given.value, Value::None)
            {
                return Err(Fault::new(
                    given.at,
                    "the application cannot change its user or group",
                    "start the worker as that user",
                ));
            }
        }
        if self.application {
            return Err(Fault::new(
                at,
                "the application is made a second time",
                "keep one",
            ));
        }
        self.application = true;
        Ok(Value::Application)
    }

    fn make_worker(
        &mut self,
        at: usize,
        name: &'static str,
        arguments: Arguments,
    ) -> Result<Value, Fault> {
        if self.worker.is_some() {
            return Err(Fault::new(
                at,
                "a second worker in one file",
                "one process runs one worker: give each a directory of its own",
            ));
        }
        self.worker = Some(arguments::bind(name, arguments)?);
        Ok(Value::Worker)
    }

    pub(super) fn attach(&mut self, arguments: Arguments) -> Result<Value, Fault> {
        let at = arguments.at;
        let mut bound = arguments.bind("setServiceParent", &["parent"], 1, 1)?;
        match bound.take("parent").map(|given| given.value) {
            Some(Value::Application) => {
                self.attached = true;
                Ok(Value::None)
            }
            _ => Err(Fault::new(
                at,
                "the worker can only be attached to the application",
                "write s.setServiceParent(application)",
            )),
        }
    }

    pub(super) fn set_component(&mut self, arguments: Arguments) -> Result<Value, Fault> {
        let at = arguments.at;
        let mut bound = arguments.bind("setComponent", &["interface", "component"], 2, 2)?;
        let interface = bound.take("interface").map(|given| given.value);
        if !matches!(interface, Some(Value::Known("ILogObserver"))) {
            return Err(Fault::new(
                at,
                "only the log observer of the application can be set",
                "write application.setComponent(ILogObserver, FileLogObserver(logfile).emit)",
            ));
        }
        match bound.take("component").map(|given| given.value) {
            Some(Value::Emit(target) | Value::Observer(target)) => {
                self.log = Some(target);
                Ok(Value::None)
            }
            _ => Err(Fault::new(
                at,
                "this is no log observer",
                "allowed: FileLogObserver(logfile).emit, FileLogObserver(sys.stdout).emit",
            )),
        }
    }
}

/// A log file with the arguments that remain in `bound`.
fn log_file(path: String, mut bound: Bound) -> Result<Value, Fault> {
    if let Some(given) = bound.take("defaultMode")
        && !matches!(given.value, Value::None)
    {
        return Err(Fault::new(
            given.at,
            "the mode of the log file cannot be set",
            "leave defaultMode out: the mode follows from the umask",
        ));
    }
    let mut number = |name: &str| match bound.take(name) {
        None => Ok(None),
        Some(given) => match given.value.number() {
            Some(Number::Int(number)) => match u64::try_from(number) {
                Ok(number) => Ok(Some(Some(number))),
                Err(_) => Err((given.at, format!("{name} must not be negative or huge"))),
            },
            _ if matches!(given.value, Value::None) => Ok(Some(None)),
            _ => Err((
                given.at,
                format!(
                    "{name} must be a whole number or None, not {}",
                    given.value.kind()
                ),
            )),
        },
    };
    let mut checked = |name: &str| {
        number(name).map_err(|(at, message)| {
            Fault::new(at, message, "write it without quotes, for instance 10")
        })
    };
    let rotate_length = checked("rotateLength")?
        .unwrap_or(Some(ROTATE_LENGTH_DEFAULT))
        .filter(|length| *length != 0);
    let max_rotated_files = checked("maxRotatedFiles")?
        .flatten()
        .map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    Ok(Value::Stream(LogTarget::RotatedFile {
        path: PathBuf::from(path),
        rotate_length,
        max_rotated_files,
    }))
}
