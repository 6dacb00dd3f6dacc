//! The arguments of `Worker(…)` and `BuildSlave(…)`: which there are, and what they may be.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use buildbot_model::Secret;

use crate::error::Fault;
use crate::value::{Number, Value};
use crate::worker::{AllowShutdown, Master, Protocol, WorkerArguments};

/// A value that was passed to a call.
#[derive(Clone)]
pub(crate) struct Given {
    /// Where the value was written: at the assignment, if the argument is a plain name.
    pub(crate) at: usize,
    pub(crate) value: Value,
    /// The name, if the argument is one.
    pub(crate) written: Option<Rc<str>>,
}

/// The evaluated arguments of a call.
pub(crate) struct Arguments {
    /// Where the call begins.
    pub(crate) at: usize,
    pub(crate) positional: Vec<Given>,
    /// With the place of the keyword.
    pub(crate) keywords: Vec<(usize, Rc<str>, Given)>,
}

impl Arguments {
    /// Sorts the arguments by the names of the parameters; `positional` of them can be passed
    /// without a name, and the first `required` must be passed.
    pub(crate) fn bind(
        self,
        callee: &str,
        parameters: &[&'static str],
        positional: usize,
        required: usize,
    ) -> Result<Bound, Fault> {
        let mut given: BTreeMap<&'static str, Given> = BTreeMap::new();
        let names = || parameters.join(", ");
        for (index, value) in self.positional.into_iter().enumerate() {
            match parameters.get(index) {
                Some(name) if index < positional => {
                    given.insert(name, value);
                }
                _ => {
                    return Err(Fault::new(
                        value.at,
                        format!("{callee}(…) takes at most {positional} positional arguments"),
                        format!("its arguments: {}", names()),
                    ));
                }
            }
        }
        for (at, name, value) in self.keywords {
            let Some(parameter) = parameters.iter().find(|known| ***known == *name) else {
                return Err(Fault::new(
                    at,
                    format!("{callee}(…) has no argument `{name}`"),
                    format!("its arguments: {}", names()),
                ));
            };
            if given.insert(parameter, value).is_some() {
                return Err(Fault::new(
                    at,
                    format!("the argument `{name}` of {callee}(…) is passed twice"),
                    "remove one of them",
                ));
            }
        }
        for name in parameters.iter().take(required) {
            if !given.contains_key(name) {
                return Err(Fault::new(
                    self.at,
                    format!("{callee}(…) needs the argument `{name}`"),
                    format!("its arguments: {}", names()),
                ));
            }
        }
        Ok(Bound { at: self.at, given })
    }
}

/// Arguments by the names of their parameters.
pub(crate) struct Bound {
    pub(crate) at: usize,
    given: BTreeMap<&'static str, Given>,
}

impl Bound {
    /// Takes an argument out.
    pub(crate) fn take(&mut self, name: &str) -> Option<Given> {
        self.given.remove(name)
    }
}

const WORKER: &[&str] = &[
    "buildmaster_host",
    "port",
    "name",
    "passwd",
    "basedir",
    "keepalive",
    "keepaliveTimeout",
    "umask",
    "maxdelay",
    "numcpus",
    "unicode_encoding",
    "protocol",
    "useTls",
    "allow_shutdown",
    "maxRetries",
    "connection_string",
    "path",
    "delete_leftover_dirs",
    "proxy_connection_string",
    // Keywords of older generations.
    "usePTY",
    "usepty",
];

/// How many of `WORKER` can be passed without a name.
const WORKER_POSITIONAL: usize = 19;

const BUILD_SLAVE: &[&str] = &[
    "buildmaster_host",
    "port",
    "name",
    "passwd",
    "basedir",
    "keepalive",
    "usePTY",
    "keepaliveTimeout",
    "umask",
    "maxdelay",
    "numcpus",
    "unicode_encoding",
    "allow_shutdown",
    "usepty",
];

/// How many of `BUILD_SLAVE` can be passed without a name.
const BUILD_SLAVE_POSITIONAL: usize = 13;

const REQUIRED: usize = 6;

/// Sorts the arguments of `Worker(…)` or `BuildSlave(…)`.
///
/// Differs: a seventh positional argument of `Worker(…)` that is True, False, 0, 1, or a name like
/// `usepty` is what older generations pass in this place, not `keepaliveTimeout`, because a
/// time-out of 0 or 1 s would make every connection fail.
pub(crate) fn bind(callee: &'static str, mut arguments: Arguments) -> Result<Bound, Fault> {
    if callee == "BuildSlave" {
        return arguments.bind(callee, BUILD_SLAVE, BUILD_SLAVE_POSITIONAL, REQUIRED);
    }
    let seventh = arguments.positional.get_mut(REQUIRED).and_then(|given| {
        let named = given
            .written
            .as_deref()
            .is_some_and(|name| name.eq_ignore_ascii_case("usepty"));
        let flag = matches!(given.value, Value::Bool(_) | Value::Int(0 | 1));
        (named || flag).then(|| std::mem::replace(&mut given.value, Value::None))
    });
    let at = arguments.at;
    let mut bound = arguments.bind(callee, WORKER, WORKER_POSITIONAL, REQUIRED)?;
    if let Some(value) = seventh {
        let written = None;
        bound
            .given
            .entry("usePTY")
            .or_insert(Given { at, value, written });
    }
    Ok(bound)
}

/// Turns the arguments into their types; every one that is wrong is told.
pub(crate) fn worker(bound: Bound) -> Result<WorkerArguments, Vec<Fault>> {
    let mut reader = Reader {
        bound,
        faults: Vec::new(),
    };
    let master = reader.master();
    let name = reader.required_text("name");
    let passwd = reader.required_text("passwd");
    let basedir = reader.required_text("basedir");
    let keepalive = reader.seconds("keepalive");
    let keepalive_timeout = reader.seconds("keepaliveTimeout");
    let umask = reader.umask();
    let maxdelay = reader.maxdelay();
    let numcpus = reader.count("numcpus");
    let unicode_encoding = reader.text("unicode_encoding");
    let protocol = reader.protocol();
    let use_tls = reader.flag("useTls");
    let allow_shutdown = reader.allow_shutdown();
    let max_retries = reader.count("maxRetries");
    let path = reader.text("path");
    let delete_leftover_dirs = reader.flag("delete_leftover_dirs");
    let proxy = reader.text("proxy_connection_string");
    let usepty = reader.usepty();
    if let (Some(Master::Endpoint(_)), Some(proxy)) = (&master, &proxy)
        && !proxy.is_empty()
    {
        reader.fault(
            None,
            "proxy_connection_string and connection_string exclude each other".into(),
            "for a proxy, give buildmaster_host and port, and set connection_string = None",
        );
    }
    if !reader.faults.is_empty() {
        return Err(reader.faults);
    }
    let (Some(master), Some(protocol)) = (master, protocol) else {
        return Err(reader.faults);
    };
    Ok(WorkerArguments {
        master,
        name,
        passwd: Secret::new(passwd),
        basedir: PathBuf::from(basedir),
        keepalive,
        keepalive_timeout,
        umask,
        maxdelay,
        numcpus,
        unicode_encoding,
        protocol,
        use_tls,
        allow_shutdown,
        max_retries,
        path,
        delete_leftover_dirs,
        proxy_connection_string: proxy.filter(|proxy| !proxy.is_empty()),
        usepty,
    })
}

struct Reader {
    bound: Bound,
    faults: Vec<Fault>,
}

impl Reader {
    /// Notes a fault at an argument, or at the call.
    fn fault(&mut self, given: Option<&Given>, message: String, help: &str) {
        let at = given.map_or(self.bound.at, |given| given.at);
        self.faults.push(Fault::new(at, message, help));
    }

    /// Takes an argument that is not None.
    fn some(&mut self, name: &str) -> Option<Given> {
        self.bound
            .take(name)
            .filter(|given| !matches!(given.value, Value::None))
    }

    fn text(&mut self, name: &str) -> Option<String> {
        let given = self.some(name)?;
        self.text_of(name, "text or None", &given)
    }

    fn text_of(&mut self, name: &str, expected: &str, given: &Given) -> Option<String> {
        let Value::Text(text) = &given.value else {
            let found = given.value.kind();
            self.fault(
                Some(given),
                format!("{name} must be {expected}, not {found}"),
                "write it in quotes",
            );
            return None;
        };
        if text.contains('\0') {
            self.fault(
                Some(given),
                format!("{name} contains a NUL character"),
                "remove it",
            );
        }
        Some(text.to_string())
    }

    /// Text that must be there; empty after a fault.
    fn required_text(&mut self, name: &str) -> String {
        let given = self.bound.take(name);
        match given {
            Some(given) if !matches!(given.value, Value::None) => {
                self.text_of(name, "text", &given).unwrap_or_default()
            }
            none => {
                self.fault(
                    none.as_ref(),
                    format!("{name} must be text, not None"),
                    "write it in quotes; os.environ.get(…) is None if the variable is not set",
                );
                String::new()
            }
        }
    }

    fn flag(&mut self, name: &str) -> bool {
        self.bound
            .take(name)
            .is_some_and(|given| given.value.truth().unwrap_or(true))
    }

    fn usepty(&mut self) -> Option<bool> {
        let given = self.some("usePTY").or_else(|| self.some("usepty"))?;
        given.value.truth()
    }

    /// A time that is off when it is None or 0.
    fn seconds(&mut self, name: &str) -> Option<Duration> {
        self.time(name).filter(|time| !time.is_zero())
    }

    fn maxdelay(&mut self) -> Option<Duration> {
        self.time("maxdelay")
    }

    fn time(&mut self, name: &str) -> Option<Duration> {
        let given = self.some(name)?;
        let seconds = given.value.number().map(Number::float);
        match seconds {
            Some(seconds) if (0.0..=f64::from(u32::MAX)).contains(&seconds) => {
                Some(Duration::from_secs_f64(seconds))
            }
            Some(_) => {
                self.fault(
                    Some(&given),
                    format!("{name} must be from 0 to {} seconds", u32::MAX),
                    "0 and None mean off",
                );
                None
            }
            None => {
                let found = given.value.kind();
                self.fault(
                    Some(&given),
                    format!("{name} must be a number of seconds or None, not {found}"),
                    "write it without quotes, for instance 600",
                );
                None
            }
        }
    }

    /// A number that means nothing when it is None or 0.
    fn count(&mut self, name: &str) -> Option<u32> {
        let given = self.some(name)?;
        let number = match &given.value {
            Value::Text(text) => whole_number(text, 10),
            value => match value.number() {
                Some(Number::Int(number)) => Some(number),
                Some(Number::Float(_)) | None => None,
            },
        };
        let count = number.and_then(|number| u32::try_from(number).ok());
        if count.is_none() {
            let message = match number {
                Some(_) => format!("{name} must be from 0 to {}", u32::MAX),
                None => format!(
                    "{name} must be a whole number or None, not {}",
                    given.value.kind()
                ),
            };
            self.fault(
                Some(&given),
                message,
                "write it without quotes, for instance 4",
            );
        }
        count.filter(|count| *count != 0)
    }

    fn umask(&mut self) -> Option<u32> {
        let given = self.some("umask")?;
        let message = match given.value.number() {
            Some(Number::Int(number)) => match u32::try_from(number) {
                Ok(mask) if mask <= 0o777 => return Some(mask),
                _ => "umask must be from 0 to 0o777".into(),
            },
            Some(Number::Float(_)) | None => format!(
                "umask must be a whole number or None, not {}",
                given.value.kind()
            ),
        };
        self.fault(
            Some(&given),
            message,
            "write it without quotes and in octal form, for instance 0o22",
        );
        None
    }

    fn protocol(&mut self) -> Option<Protocol> {
        let Some(given) = self.bound.take("protocol") else {
            return Some(Protocol::Pb);
        };
        let name = match &given.value {
            Value::Text(name) => name.to_string(),
            value => value.kind().to_owned(),
        };
        let protocol = match given.value {
            Value::Text(_) => Protocol::from_name(&name),
            _ => None,
        };
        if protocol.is_none() {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
            self.fault(
                Some(&given),
                format!("Unknown protocol {shown}"),
                "allowed: 'pb', 'msgpack_experimental_v7'",
            );
        }
        protocol
    }

    /// Differs: an `allow_shutdown` that is neither `signal` nor `file` is refused, because ignoring it leaves
    /// an administrator waiting for a shutdown that never comes.
    fn allow_shutdown(&mut self) -> Option<AllowShutdown> {
        let given = self.some("allow_shutdown")?;
        if given.value.truth() == Some(false) {
            return None;
        }
        let known = match &given.value {
            Value::Text(name) => AllowShutdown::from_name(name),
            _ => None,
        };
        if known.is_none() {
            self.fault(
                Some(&given),
                "allow_shutdown must be 'signal', 'file' or None".into(),
                "'signal': by SIGHUP; 'file': by the file shutdown.stamp",
            );
        }
        known
    }

    fn master(&mut self) -> Option<Master> {
        if let Some(given) = self.some("connection_string") {
            let host = self.some("buildmaster_host");
            let port = self.some("port");
            if let Some(other) = host.or(port) {
                self.fault(
                    Some(&other),
                    "with a connection_string, buildmaster_host and port must be None".into(),
                    "the connection string names them",
                );
                return None;
            }
            return match &given.value {
                Value::Text(text) if !text.is_empty() => Some(Master::Endpoint(text.to_string())),
                _ => {
                    self.fault(
                        Some(&given),
                        "connection_string must be an endpoint or None".into(),
                        "for instance 'tls:master.example:9989'",
                    );
                    None
                }
            };
        }
        let host = self.required_text("buildmaster_host");
        let port = self.port();
        if host.is_empty() {
            if self.faults.is_empty() {
                self.fault(
                    None,
                    "buildmaster_host is empty".into(),
                    "write the name or the address of the master",
                );
            }
            return None;
        }
        Some(Master::Address { host, port: port? })
    }

    fn port(&mut self) -> Option<u16> {
        let given = self.bound.take("port")?;
        let number = match &given.value {
            Value::Int(number) => Some(*number),
            Value::Text(text) => whole_number(text, 10),
            _ => None,
        };
        let port = number
            .and_then(|number| u16::try_from(number).ok())
            .filter(|port| *port != 0);
        if port.is_none() {
            let found = match number {
                Some(number) => number.to_string(),
                None => given.value.kind().to_owned(),
            };
            self.fault(
                Some(&given),
                format!("port must be a whole number from 1 to 65535, not {found}"),
                "the master listens on 9989 unless it is configured otherwise",
            );
        }
        port
    }
}

/// `int(text, base)`; base 0 is none of ours.
pub(crate) fn whole_number(text: &str, base: u32) -> Option<i128> {
    let trimmed = text.trim_matches(crate::evaluate::is_space);
    let (negative, digits) = match trimmed.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let lower = digits.to_ascii_lowercase();
    let prefix = match base {
        16 => "0x",
        8 => "0o",
        2 => "0b",
        _ => "",
    };
    let (digits, prefixed) = match lower.strip_prefix(prefix) {
        Some(rest) if !prefix.is_empty() => (rest, true),
        _ => (lower.as_str(), false),
    };
    let digits = if prefixed {
        digits.strip_prefix('_').unwrap_or(digits)
    } else {
        digits
    };
    if digits.starts_with('_') || digits.ends_with('_') || digits.contains("__") {
        return None;
    }
    let plain: String = digits.chars().filter(|c| *c != '_').collect();
    if plain.is_empty() || !plain.chars().all(|c| c.is_digit(base)) {
        return None;
    }
    let value = i128::from_str_radix(&plain, base).ok()?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::whole_number;

    #[test]
    fn whole_numbers_are_read_from_text_like_int_does() {
        for (text, base, expected) in [
            (" 9989\n", 10, Some(9989)),
            ("1_000", 10, Some(1000)),
            ("-5", 10, Some(-5)),
            ("0022", 10, Some(22)),
            ("0o22", 8, Some(18)),
            ("22", 8, Some(18)),
            ("0o22", 10, None),
            ("", 10, None),
            ("9989.0", 10, None),
            ("_1", 10, None),
        ] {
            assert_eq!(whole_number(text, base), expected, "{text:?}");
        }
    }
}
