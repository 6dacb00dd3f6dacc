//! The command line of `checkconfig`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use buildbot_options::{OptionSpec, Parsed};

use crate::command_line::{Request, UsageError};

pub(crate) const USAGE: &str = "\
Usage:    buildbot checkconfig [options] [FILE|DIRECTORY]
    Checks a configuration file, or the one that buildbot.tac in a directory
    names. Without an argument that is the current directory.
Options:
      --help             Show this text.
  -q, --quiet            Show neither problems nor success.
      --json             Write one JSON object on standard output.
      --diff=            Also show what would change, compared with this
                         file or directory.
      --python=          The Python that executes the file; otherwise
                         $BUILDBOT_PYTHON, the active virtual environment, or
                         python3.
      --load-timeout=    Seconds that the file may take. [default: 60]
      --version          Show the version of this program.
";

const OPTIONS: [OptionSpec; 7] = [
    OptionSpec::flag("help", None),
    OptionSpec::flag("quiet", Some('q')),
    OptionSpec::flag("json", None),
    OptionSpec::value("diff", None),
    OptionSpec::value("python", None),
    OptionSpec::value("load-timeout", None),
    OptionSpec::flag("version", None),
];

/// What `checkconfig` shall do.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    /// A file or a directory; the current directory if there is none.
    pub(crate) file: Option<PathBuf>,
    pub(crate) quiet: bool,
    pub(crate) json: bool,
    /// The configuration to compare with.
    pub(crate) diff: Option<PathBuf>,
    pub(crate) python: Option<OsString>,
    pub(crate) load_timeout: Duration,
}

/// How long a file may take.
const LOAD_TIMEOUT: Duration = Duration::from_secs(60);

impl Default for Options {
    fn default() -> Self {
        Self {
            file: None,
            quiet: false,
            json: false,
            diff: None,
            python: None,
            load_timeout: LOAD_TIMEOUT,
        }
    }
}

pub(crate) fn parse(arguments: &[OsString]) -> Result<Request<Options>, UsageError> {
    let Parsed { options, arguments } = buildbot_options::parse(&OPTIONS, arguments)?;
    let mut parsed = Options {
        // The reference ignores further arguments.
        file: arguments.into_iter().next().map(PathBuf::from),
        ..Options::default()
    };
    for (option, value) in options {
        match option {
            "help" => return Ok(Request::Help),
            "version" => return Ok(Request::Version),
            "quiet" => parsed.quiet = true,
            "json" => parsed.json = true,
            "diff" => parsed.diff = Some(PathBuf::from(value)),
            "python" => parsed.python = Some(value),
            _ => parsed.load_timeout = seconds(&value.to_string_lossy())?,
        }
    }
    Ok(Request::Run(parsed))
}

fn seconds(text: &str) -> Result<Duration, UsageError> {
    text.parse()
        .ok()
        .filter(|seconds: &f64| *seconds > 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| {
            UsageError::Other(format!(
                "load-timeout must be a number of seconds above 0, not '{text}'"
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::{Options, parse};
    use crate::command_line::Request;
    use std::ffi::OsString;
    use std::path::PathBuf;
    use std::time::Duration;

    fn parsed(given: &str) -> Result<Options, String> {
        let arguments: Vec<OsString> = given.split_whitespace().map(OsString::from).collect();
        match parse(&arguments) {
            Ok(Request::Run(options)) => Ok(options),
            Ok(Request::Help) => Err("help".to_owned()),
            Ok(Request::Version) => Err("version".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn options_stand_before_the_file() {
        let options =
            parsed("-q --json --diff=old --python p --load-timeout 2.5 a b").expect("options");
        assert_eq!(
            options,
            Options {
                file: Some(PathBuf::from("a")),
                quiet: true,
                json: true,
                diff: Some(PathBuf::from("old")),
                python: Some(OsString::from("p")),
                load_timeout: Duration::from_millis(2500),
            }
        );
        assert_eq!(parsed("").expect("options").file, None);
        assert!(!parsed("a -q").expect("options").quiet);
    }

    #[test]
    fn mistakes_are_named() {
        let check = |given: &str, expected: &str| {
            assert_eq!(parsed(given).expect_err(given), expected);
        };
        check("--help", "help");
        check("--version", "version");
        check("--nosuch", "option --nosuch not recognized");
        check(
            "--load-timeout=0",
            "load-timeout must be a number of seconds above 0, not '0'",
        );
        check(
            "--load-timeout=x",
            "load-timeout must be a number of seconds above 0, not 'x'",
        );
    }
}
