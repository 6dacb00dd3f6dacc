//! Options as the reference reads them: POSIX `getopt` with long options and abbreviations.
//!
//! Options end at the first argument that is none. The texts of the errors are those that scripts and
//! people know from Buildbot. A parser of our own, because libraries permute arguments, read `-k=5`
//! in another way, and know no abbreviations; any of them would break a working start script.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// An option of a command.
#[derive(Debug, Clone, Copy)]
pub struct OptionSpec {
    /// The long name, without dashes.
    pub long: &'static str,
    /// The short name.
    pub short: Option<char>,
    /// Whether a value follows.
    pub takes_value: bool,
}

impl OptionSpec {
    /// An option without value.
    pub const fn flag(long: &'static str, short: Option<char>) -> Self {
        Self {
            long,
            short,
            takes_value: false,
        }
    }

    /// An option with a value.
    pub const fn value(long: &'static str, short: Option<char>) -> Self {
        Self {
            long,
            short,
            takes_value: true,
        }
    }
}

/// The options that were given, by their long names and in their order, and the arguments after them.
#[derive(Debug, PartialEq)]
pub struct Parsed {
    /// The long name of each option, and its value; empty for a flag.
    pub options: Vec<(&'static str, OsString)>,
    /// What follows the options.
    pub arguments: Vec<OsString>,
}

impl Parsed {
    /// Whether an option was given.
    pub fn has(&self, long: &str) -> bool {
        self.options.iter().any(|(option, _)| *option == long)
    }
}

/// What is wrong with the options; the texts are the reference's.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum OptionError {
    /// No option has this name.
    #[error("option {0} not recognized")]
    Unknown(String),
    /// Several options begin with this.
    #[error("option --{0} not a unique prefix")]
    Ambiguous(String),
    /// The value is missing.
    #[error("option {0} requires argument")]
    NoValue(String),
    /// A flag was given a value.
    #[error("option --{0} must not have an argument")]
    UnexpectedValue(String),
}

/// Splits `arguments` into options and what follows them.
///
/// # Errors
///
/// When an option is not one of `specs`, or its value is missing or superfluous.
pub fn parse(specs: &[OptionSpec], arguments: &[OsString]) -> Result<Parsed, OptionError> {
    let mut options = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.as_slice().first() {
        let bytes = argument.as_bytes();
        if bytes == b"--" {
            rest.next();
            break;
        }
        if bytes == b"-" || !bytes.starts_with(b"-") {
            break;
        }
        rest.next();
        match bytes.strip_prefix(b"--") {
            Some(long) => options.push(long_option(specs, long, &mut rest)?),
            None => short_options(specs, argument, &mut rest, &mut options)?,
        }
    }
    Ok(Parsed {
        options,
        arguments: rest.as_slice().to_vec(),
    })
}

fn long_option(
    specs: &[OptionSpec],
    text: &[u8],
    rest: &mut std::slice::Iter<'_, OsString>,
) -> Result<(&'static str, OsString), OptionError> {
    let mut parts = text.splitn(2, |byte| *byte == b'=');
    let name = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let value = parts
        .next()
        .map(|value| OsStr::from_bytes(value).to_owned());
    let spec = find_long(specs, name)?;
    match (spec.takes_value, value) {
        (true, Some(value)) => Ok((spec.long, value)),
        (true, None) => match rest.next() {
            Some(value) => Ok((spec.long, value.clone())),
            None => Err(OptionError::NoValue(format!("--{}", spec.long))),
        },
        (false, Some(_)) => Err(OptionError::UnexpectedValue(spec.long.to_owned())),
        (false, None) => Ok((spec.long, OsString::new())),
    }
}

fn find_long(specs: &[OptionSpec], name: String) -> Result<&OptionSpec, OptionError> {
    if let Some(exact) = specs.iter().find(|spec| spec.long == name) {
        return Ok(exact);
    }
    let mut candidates = specs.iter().filter(|spec| spec.long.starts_with(&name));
    match (candidates.next(), candidates.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(OptionError::Ambiguous(name)),
        (None, _) => Err(OptionError::Unknown(format!("--{name}"))),
    }
}

/// Reads one argument of short options: `-n`, `-nq`, `-k5`, `-k 5`, `-qk5`.
fn short_options(
    specs: &[OptionSpec],
    argument: &OsString,
    rest: &mut std::slice::Iter<'_, OsString>,
    options: &mut Vec<(&'static str, OsString)>,
) -> Result<(), OptionError> {
    let text = argument.to_string_lossy();
    let mut done = 1;
    for name in text.chars().skip(1) {
        done += name.len_utf8();
        let Some(spec) = specs.iter().find(|spec| spec.short == Some(name)) else {
            return Err(OptionError::Unknown(format!("-{name}")));
        };
        if !spec.takes_value {
            options.push((spec.long, OsString::new()));
            continue;
        }
        // All names before this one are ASCII, as they are options: `done` counts bytes of the argument.
        let attached = argument.as_bytes().get(done..).unwrap_or_default();
        let value = if attached.is_empty() {
            rest.next()
                .cloned()
                .ok_or_else(|| OptionError::NoValue(format!("-{name}")))?
        } else {
            OsString::from_vec(attached.to_vec())
        };
        options.push((spec.long, value));
        return Ok(());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{OptionError, OptionSpec, parse};
    use std::ffi::OsString;

    const SPECS: [OptionSpec; 5] = [
        OptionSpec::value("keepalive", Some('k')),
        OptionSpec::flag("quiet", Some('q')),
        OptionSpec::flag("force", Some('f')),
        OptionSpec::value("log-size", None),
        OptionSpec::value("log-count", None),
    ];

    /// `given` is split at spaces, and so is what comes out: `name=value` for options, a `|`, arguments.
    fn shown(given: &str) -> Result<String, OptionError> {
        let arguments: Vec<OsString> = given.split_whitespace().map(OsString::from).collect();
        parse(&SPECS, &arguments).map(|parsed| {
            let options = parsed
                .options
                .iter()
                .map(|(name, value)| format!("{name}={} ", value.display()));
            let arguments = parsed
                .arguments
                .iter()
                .map(|argument| format!(" {}", argument.display()));
            options.chain(["|".to_owned()]).chain(arguments).collect()
        })
    }

    #[test]
    fn options_are_read_as_getopt_reads_them() {
        let check = |given: &str, expected: &str| {
            assert_eq!(shown(given).as_deref(), Ok(expected), "{given}");
        };
        check("", "|");
        check("a b", "| a b");
        check("-k 5 a", "keepalive=5 | a");
        check("-k5 a", "keepalive=5 | a");
        check("-k=5 a", "keepalive==5 | a");
        check("-k -5", "keepalive=-5 |");
        check("-fqk7 a", "force= quiet= keepalive=7 | a");
        check("--keepalive=5", "keepalive=5 |");
        check("--keepalive 5", "keepalive=5 |");
        check("--keepalive=", "keepalive= |");
        check("--keep=a=b", "keepalive=a=b |");
        check("--log-s 1", "log-size=1 |");
        check("--quiet a --force", "quiet= | a --force");
        check("-q -- -f", "quiet= | -f");
        check("- -q", "| - -q");
        check("-k 1 -k 2", "keepalive=1 keepalive=2 |");
    }

    #[test]
    fn mistakes_are_named_as_users_know_them() {
        let check = |given: &str, expected: &str| {
            assert_eq!(shown(given).expect_err(given).to_string(), expected);
        };
        check("--frob", "option --frob not recognized");
        check("--frob=1", "option --frob not recognized");
        check("-Z", "option -Z not recognized");
        check("-q=5", "option -= not recognized");
        check("-qé", "option -é not recognized");
        check("--log", "option --log not a unique prefix");
        check("--keep", "option --keepalive requires argument");
        check("-k", "option -k requires argument");
        check("-qk", "option -k requires argument");
        check("--quiet=5", "option --quiet must not have an argument");
    }
}
