//! `buildbot-worker create-worker`.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use buildbot_model::Secret;
use buildbot_tac::{AllowShutdown, MasterOption, NumberOrNone, WorkerOptions, write_worker};

use super::{Request, UsageError};
use buildbot_daemon::{Output, basedir};
use buildbot_endpoint::python_int;
use buildbot_options::{self, OptionSpec};

pub(super) const USAGE: &str = "\
Usage:    buildbot-worker create-worker [options] <basedir> <master> <name> <passwd>
Options:
  -a, --allow-shutdown=           How a graceful shutdown can be asked for:
                                  'signal' or 'file'
      --connection-string=        Client endpoint to reach the master by, in place
                                  of <master>
      --delete-leftover-dirs      Delete directories that the master does not name
  -f, --force                     Without effect: an existing directory is reused
  -h, --help                      Show this text.
  -k, --keepalive=                Seconds between keepalives [default: 600]
  -l, --log-count=                Number of old log files that are kept, None for
                                  all [default: 10]
      --maxdelay=                 Longest pause between connection attempts, in
                                  seconds [default: 300]
      --maxretries=               Number of failed attempts in a row after which
                                  the worker ends [default: None]
  -n, --no-logrotate              Leave the log to twistd's settings
      --numcpus=                  Number of processors to report [default: None]
      --protocol=                 Protocol between worker and master, pb or
                                  msgpack_experimental_v7 [default: pb]
      --proxy-connection-string=  Client endpoint of an HTTP proxy
  -q, --quiet                     Say nothing about what is done
  -r, --relocatable               Make a directory that can be moved
  -s, --log-size=                 Bytes at which the log is rotated
                                  [default: 10000000]
      --umask=                    File mode creation mask, for instance 0o22 for
                                  files that everybody can read [default: None]
      --use-tls                   Connect to the master with TLS
      --version                   Show the version.

Makes the directory <basedir> with the settings of a worker that logs in to
<master> with <name> and <passwd>; those are agreed on with the administrator of
the master. <master> is a host, or host:port; the port is 9989 by default. An
IPv6 address is written in brackets.
";

const OPTIONS: [OptionSpec; 19] = [
    OptionSpec::value("allow-shutdown", Some('a')),
    OptionSpec::value("connection-string", None),
    OptionSpec::flag("delete-leftover-dirs", None),
    OptionSpec::flag("force", Some('f')),
    OptionSpec::flag("help", Some('h')),
    OptionSpec::value("keepalive", Some('k')),
    OptionSpec::value("log-count", Some('l')),
    OptionSpec::value("maxdelay", None),
    OptionSpec::value("maxretries", None),
    OptionSpec::flag("no-logrotate", Some('n')),
    OptionSpec::value("numcpus", None),
    OptionSpec::value("protocol", None),
    OptionSpec::value("proxy-connection-string", None),
    OptionSpec::flag("quiet", Some('q')),
    OptionSpec::flag("relocatable", Some('r')),
    OptionSpec::value("log-size", Some('s')),
    OptionSpec::value("umask", None),
    OptionSpec::flag("use-tls", None),
    OptionSpec::flag("version", None),
];

const MASTER_PORT_DEFAULT: u64 = 9989;

/// What `create-worker` is to make.
pub(super) struct CreateOptions {
    basedir: PathBuf,
    quiet: bool,
    tac: WorkerOptions,
}

pub(super) fn parse(arguments: &[OsString]) -> Result<Request<CreateOptions>, UsageError> {
    let parsed = buildbot_options::parse(&OPTIONS, arguments)?;
    for (option, _) in &parsed.options {
        match *option {
            "help" => return Ok(Request::Help),
            "version" => return Ok(Request::Version),
            _ => {}
        }
    }
    let [basedir, master, name, passwd] = parsed.arguments.as_slice() else {
        return Err(UsageError::other("incorrect number of arguments"));
    };
    let basedir = basedir::absolute(Path::new(basedir))?;
    let (host, port) = host_and_port(&text(master, "<master>")?)?;
    let mut tac = WorkerOptions {
        basedir: text(basedir.as_os_str(), "<basedir>")?,
        rotate_length: 10_000_000,
        max_rotated_files: number_or_none("log-count", "10")?,
        log_section: true,
        master: MasterOption {
            host,
            port,
            connection_string: None,
        },
        name: text(name, "<name>")?,
        passwd: Secret::new(text(passwd, "<passwd>")?),
        keepalive: 600,
        umask: NumberOrNone::none(),
        maxdelay: 300,
        numcpus: NumberOrNone::none(),
        allow_shutdown: None,
        maxretries: NumberOrNone::none(),
        use_tls: false,
        delete_leftover_dirs: false,
        proxy_connection_string: None,
        protocol: "pb".to_owned(),
    };
    let mut quiet = false;
    for (option, value) in parsed.options {
        let value = || text(&value, option);
        match option {
            "allow-shutdown" => {
                tac.allow_shutdown =
                    Some(AllowShutdown::from_name(&value()?).ok_or_else(|| {
                        UsageError::other("allow-shutdown needs to be one of 'signal' or 'file'")
                    })?);
            }
            "connection-string" => tac.master.connection_string = Some(value()?),
            "delete-leftover-dirs" => tac.delete_leftover_dirs = true,
            "keepalive" => tac.keepalive = number(option, &value()?)?,
            "log-count" => tac.max_rotated_files = number_or_none(option, &value()?)?,
            "log-size" => tac.rotate_length = number(option, &value()?)?,
            "maxdelay" => tac.maxdelay = number(option, &value()?)?,
            "maxretries" => tac.maxretries = number_or_none(option, &value()?)?,
            "no-logrotate" => tac.log_section = false,
            "numcpus" => tac.numcpus = number_or_none(option, &value()?)?,
            "protocol" => tac.protocol = value()?,
            "proxy-connection-string" => tac.proxy_connection_string = Some(value()?),
            "quiet" => quiet = true,
            "relocatable" => ".".clone_into(&mut tac.basedir),
            "umask" => tac.umask = number_or_none(option, &value()?)?,
            "use-tls" => tac.use_tls = true,
            // `force`: an existing directory is reused in any case.
            _ => {}
        }
    }
    Ok(Request::Run(CreateOptions {
        basedir,
        quiet,
        tac,
    }))
}

pub(super) fn run(output: &Output, options: CreateOptions) -> ExitCode {
    let worker = WorkerDirectory {
        output,
        quiet: options.quiet,
        path: &options.basedir,
    };
    match worker.make(&write_worker(&options.tac)) {
        Ok(()) => {
            worker.say(format!(
                "worker configured in {}",
                options.basedir.display()
            ));
            ExitCode::SUCCESS
        }
        Err(error) => {
            output.line(error.to_string());
            // Under a name of its own, so that the line above stays as scripts know it.
            output.error_line(format!("reason: {}", basedir::reason(error.source())));
            output.line(format!(
                "failed to configure worker in {}",
                options.basedir.display()
            ));
            ExitCode::FAILURE
        }
    }
}

/// Why a worker's directory could not be made.
#[derive(Debug, thiserror::Error)]
enum CreateError {
    #[error("error creating directory {}", .0.display())]
    Directory(PathBuf, #[source] io::Error),
    #[error("could not write {}", .0.display())]
    Write(PathBuf, #[source] io::Error),
    #[error("error reading {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
}

impl CreateError {
    fn source(&self) -> &io::Error {
        match self {
            Self::Directory(_, source) | Self::Write(_, source) | Self::Read(_, source) => source,
        }
    }
}

/// A directory in the making.
struct WorkerDirectory<'a> {
    output: &'a Output,
    quiet: bool,
    path: &'a Path,
}

impl WorkerDirectory<'_> {
    fn say(&self, line: impl AsRef<str>) {
        if !self.quiet {
            self.output.line(line);
        }
    }

    fn make(&self, tac: &str) -> Result<(), CreateError> {
        if self.path.exists() {
            self.say("updating existing installation");
        } else {
            self.make_directory(self.path)?;
        }
        self.make_tac(tac)?;
        self.make_info()
    }

    fn make_directory(&self, path: &Path) -> Result<(), CreateError> {
        self.say(format!("mkdir {}", path.display()));
        fs::create_dir(path).map_err(|error| CreateError::Directory(path.to_owned(), error))
    }

    fn make_tac(&self, text: &str) -> Result<(), CreateError> {
        let path = self.path.join("buildbot.tac");
        if !path.exists() {
            return write_secret(&path, text);
        }
        let old = fs::read(&path).map_err(|error| CreateError::Read(path.clone(), error))?;
        if old == text.as_bytes() {
            self.say("buildbot.tac already exists and is correct");
            return Ok(());
        }
        self.say("not touching existing buildbot.tac");
        self.say("creating buildbot.tac.new instead");
        write_secret(&self.path.join("buildbot.tac.new"), text)
    }

    fn make_info(&self) -> Result<(), CreateError> {
        let info = self.path.join("info");
        if !info.exists() {
            self.make_directory(&info)?;
        }
        self.make_info_file("admin", "Your Name Here <admin@youraddress.invalid>\n")?;
        let is_host_new =
            self.make_info_file("host", "Please put a description of this build host here\n")?;
        if !info.join("access_uri").exists() {
            self.say("Not creating info/access_uri - add it if you wish");
        }
        if is_host_new {
            self.say(format!(
                "Please edit the files in {} appropriately.",
                info.display()
            ));
        }
        Ok(())
    }

    /// Writes a file of `info/` unless it is there; tells whether it did.
    fn make_info_file(&self, name: &str, text: &str) -> Result<bool, CreateError> {
        let path = self.path.join("info").join(name);
        if path.exists() {
            return Ok(false);
        }
        self.say(format!(
            "Creating info/{name}, you need to edit it appropriately."
        ));
        match fs::write(&path, text) {
            Ok(()) => Ok(true),
            Err(error) => Err(CreateError::Write(path, error)),
        }
    }
}

/// Writes a file that only its owner may read, also if it exists with other permissions.
fn write_secret(path: &Path, text: &str) -> Result<(), CreateError> {
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(text.as_bytes())
    };
    write().map_err(|error| CreateError::Write(path.to_owned(), error))
}

/// `buildbot.tac` is text, and so is what goes into it.
fn text(argument: &OsStr, name: &str) -> Result<String, UsageError> {
    match argument.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(UsageError::other(format!(
            "{name} is not valid UTF-8: {}",
            argument.display()
        ))),
    }
}

fn number(option: &str, value: &str) -> Result<i64, UsageError> {
    python_int(value)
        .ok_or_else(|| UsageError::other(format!("{option} parameter needs to be a number")))
}

/// Differs: `0o` with digits that are not octal is refused, because Python cannot read the file that
/// the reference writes with it.
fn number_or_none(option: &str, value: &str) -> Result<NumberOrNone, UsageError> {
    NumberOrNone::parse(value).ok_or_else(|| {
        UsageError::other(format!("{option} parameter needs to be a number or None"))
    })
}

/// Reads `host`, `host:port`, `[address]` or `[address]:port`.
///
/// Differs: ports outside 1…65535 and anything else after the bracket are refused, because the
/// reference writes a file with them that cannot work, or leaves the rest out without a word.
fn host_and_port(master: &str) -> Result<(String, u64), UsageError> {
    let invalid = |hint: &str| {
        let mut message = format!("invalid <master> argument '{master}'");
        // Writing to a `String` cannot fail.
        let _ = message.write_str(hint);
        UsageError::Other(message)
    };
    if master.starts_with("http:") {
        return Err(UsageError::other("<master> is not a URL - do not use URL"));
    }
    let (host, port) = match master
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((address, "")) => (address, None),
        Some((address, rest)) => (
            address,
            Some(rest.strip_prefix(':').ok_or_else(|| invalid(""))?),
        ),
        None => match master.split_once(':') {
            Some((_, rest)) if rest.contains(':') => {
                return Err(invalid(
                    ", if it is an ipv6 address, it must be enclosed by []",
                ));
            }
            Some((host, port)) => (host, Some(port)),
            None => (master, None),
        },
    };
    if host.is_empty() {
        return Err(invalid(""));
    }
    let port = match port {
        None => MASTER_PORT_DEFAULT,
        Some(text) => python_int(text)
            .and_then(|port| u64::try_from(port).ok())
            .filter(|port| (1..=65535).contains(port))
            .ok_or_else(|| {
                UsageError::other(format!(
                    "invalid master port '{text}', needs to be a number"
                ))
            })?,
    };
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::host_and_port;

    #[test]
    fn the_master_is_a_host_with_or_without_a_port() {
        let check = |master: &str, expected: (&str, u64)| {
            let (host, port) = host_and_port(master).unwrap();
            assert_eq!((host.as_str(), port), expected, "{master}");
        };
        check("h", ("h", 9989));
        check("h:1", ("h", 1));
        check("h: 5", ("h", 5));
        check("[::1]", ("::1", 9989));
        check("[::1]:7", ("::1", 7));
        check("a[b]", ("a[b]", 9989));
        check("[", ("[", 9989));
    }

    #[test]
    fn a_master_that_cannot_be_is_refused() {
        let check = |master: &str, expected: &str| {
            assert_eq!(host_and_port(master).unwrap_err().to_string(), expected);
        };
        check("http://h", "<master> is not a URL - do not use URL");
        check(
            "https://h",
            "invalid master port '//h', needs to be a number",
        );
        check("h:", "invalid master port '', needs to be a number");
        check("h:0", "invalid master port '0', needs to be a number");
        check(
            "h:65536",
            "invalid master port '65536', needs to be a number",
        );
        check("[::1]:x", "invalid master port 'x', needs to be a number");
        check("", "invalid <master> argument ''");
        check(":5", "invalid <master> argument ':5'");
        check("[]:5", "invalid <master> argument '[]:5'");
        check("[::1]x", "invalid <master> argument '[::1]x'");
        let hint = "if it is an ipv6 address, it must be enclosed by []";
        check(
            "h:1:2",
            &format!("invalid <master> argument 'h:1:2', {hint}"),
        );
        check("::1", &format!("invalid <master> argument '::1', {hint}"));
    }
}
