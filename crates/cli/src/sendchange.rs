//! `buildbot sendchange`: tells a master about a change.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::process::ExitCode;

use buildbot_model::Secret;
use buildbot_options::{OptionSpec, Parsed};
use buildbot_wire::Value;

use crate::client::{Address, Client, ClientError, block_on};
use crate::command_line::{Request, UsageError};
use crate::options_file::OptionsFile;
use crate::output::line;
use crate::password;

pub(crate) const USAGE: &str = "\
Usage:    buildbot sendchange [options] <files>
    Tells the PBChangeSource of a master about a change.
Options:
  -m, --master=         Where the master is: host:port. Needed.
  -a, --auth=           user:password, or a user whose password is asked for
                        [default: change:changepw]
  -W, --who=            Who made the change. Needed.
  -R, --repository=     Its repository
  -P, --project=        Its project
  -b, --branch=         Its branch
  -C, --category=       Its category
      --codebase=       Its codebase
  -r, --revision=       Its revision
      --revision_file=  A file with its revision
  -p, --property=       A property, as name:value. Can be given several times.
  -c, --comments=       What its author says about it
  -F, --logfile=        A file with what its author says (- for standard input)
  -w, --when=           When it was made, in seconds since the epoch
  -l, --revlink=        A page about it
  -e, --encoding=       The encoding of what is given here [default: utf8]
  -s, --vc=             Its version control system, one of: cvs, svn, darcs, hg,
                        bzr, git, mtn, p4
      --help            Show this text.
      --version         Show the version of this program.
";

const OPTIONS: [OptionSpec; 19] = [
    OptionSpec::value("master", Some('m')),
    OptionSpec::value("auth", Some('a')),
    OptionSpec::value("who", Some('W')),
    OptionSpec::value("repository", Some('R')),
    OptionSpec::value("project", Some('P')),
    OptionSpec::value("branch", Some('b')),
    OptionSpec::value("category", Some('C')),
    OptionSpec::value("codebase", None),
    OptionSpec::value("revision", Some('r')),
    OptionSpec::value("revision_file", None),
    OptionSpec::value("property", Some('p')),
    OptionSpec::value("comments", Some('c')),
    OptionSpec::value("logfile", Some('F')),
    OptionSpec::value("when", Some('w')),
    OptionSpec::value("revlink", Some('l')),
    OptionSpec::value("encoding", Some('e')),
    OptionSpec::value("vc", Some('s')),
    OptionSpec::flag("help", None),
    OptionSpec::flag("version", None),
];

const SYSTEMS: [&str; 8] = ["cvs", "svn", "darcs", "hg", "bzr", "git", "mtn", "p4"];

/// The user and the password of a `PBChangeSource` that names none.
const DEFAULT_AUTH: (&str, &str) = ("change", "changepw");

/// A change, and where it goes.
#[derive(Debug)]
pub(crate) struct SendChange {
    address: Address,
    user: String,
    password: Secret<String>,
    /// What the master is told.
    change: Value,
}

pub(crate) fn parse(arguments: &[OsString]) -> Result<Request<SendChange>, UsageError> {
    let Parsed { options, arguments } = buildbot_options::parse(&OPTIONS, arguments)?;
    let mut given: Vec<(&'static str, OsString)> = Vec::new();
    for (option, value) in options {
        match option {
            "help" => return Ok(Request::Help),
            "version" => return Ok(Request::Version),
            _ => given.push((option, value)),
        }
    }
    let other = |text: String| UsageError::Other(text);
    let defaults = OptionsFile::load().map_err(|error| other(error.to_string()))?;
    let last = |name: &str| {
        let mut values = given.iter().rev().filter(|(option, _)| *option == name);
        values.next().map(|(_, value)| value)
    };
    let encoding = match last("encoding") {
        Some(encoding) => encoding.to_string_lossy().into_owned(),
        None => "utf8".to_owned(),
    };
    let decode = |value: &[u8]| decoded(value, &encoding);
    let option = |name: &str| last(name).map(|value| decode(value.as_bytes())).transpose();
    let or_default = |name: &str| -> Result<Option<String>, UsageError> {
        Ok(option(name)?.or_else(|| defaults.text(name)))
    };

    let (who, master) = (or_default("who")?, or_default("master")?);
    let mut missing = Vec::new();
    for (name, value) in [("who", &who), ("master", &master)] {
        if value.as_ref().is_none_or(String::is_empty) {
            missing.push(name);
        }
    }
    if !missing.is_empty() {
        let plural = if missing.len() > 1 { "s" } else { "" };
        return Err(other(format!(
            "Required argument{plural} missing: {}",
            missing.join(", ")
        )));
    }
    let address = Address::parse(&master.unwrap_or_default());
    let address =
        address.ok_or_else(|| other("master must have the form 'hostname:port'".to_owned()))?;
    let mut properties = Vec::new();
    for (_, property) in given.iter().filter(|(option, _)| *option == "property") {
        let property = decode(property.as_bytes())?;
        let pair = property.split_once(':');
        let (name, value) =
            pair.ok_or_else(|| other(format!("property must be name:value, not '{property}'")))?;
        properties.retain(|(known, _)| *known != Value::from(name));
        properties.push((Value::from(name), Value::from(value)));
    }
    let when = match option("when")? {
        None => Value::None,
        Some(when) => match when.trim().parse::<f64>() {
            Ok(seconds) => Value::Float(seconds),
            Err(_) => return Err(other(format!("invalid 'when' value {when}"))),
        },
    };
    let vc = or_default("vc")?.filter(|vc| !vc.is_empty());
    if vc
        .as_ref()
        .is_some_and(|vc| !SYSTEMS.contains(&vc.as_str()))
    {
        return Err(other(format!("vc must be one of {}", SYSTEMS.join(", "))));
    }
    let read = |path: &str| -> Result<String, UsageError> {
        let content =
            read_file(path).map_err(|error| other(format!("cannot read {path}: {error}")))?;
        decode(&content)
    };
    let comments = match (
        option("comments")?.filter(|text| !text.is_empty()),
        option("logfile")?,
    ) {
        (Some(comments), _) => comments,
        (None, Some(path)) => read(&path)?,
        (None, None) => String::new(),
    };
    let revision = match option("revision_file")? {
        Some(path) => Some(read(&path)?),
        None => option("revision")?,
    };
    let files: Result<Vec<Value>, UsageError> = arguments
        .iter()
        .map(|file| decode(file.as_bytes()).map(Value::Text))
        .collect();
    let (user, password) = credentials(option("auth")?)?;

    let text = |value: Option<String>| value.map_or(Value::None, Value::Text);
    let mut pairs = vec![
        (
            "project",
            Value::Text(option("project")?.unwrap_or_default()),
        ),
        (
            "repository",
            Value::Text(option("repository")?.unwrap_or_default()),
        ),
        ("who", text(who)),
        ("files", Value::List(files?)),
        ("comments", Value::Text(comments)),
        ("branch", text(or_default("branch")?)),
        ("revision", text(revision)),
        ("category", text(or_default("category")?)),
        ("when", when),
        ("properties", Value::Dict(properties)),
        (
            "revlink",
            Value::Text(option("revlink")?.unwrap_or_default()),
        ),
        ("src", text(vc)),
    ];
    if let Some(codebase) = option("codebase")? {
        pairs.push(("codebase", Value::Text(codebase)));
    }
    let pairs = pairs.into_iter();
    Ok(Request::Run(SendChange {
        address,
        user,
        password,
        change: Value::Dict(
            pairs
                .map(|(key, value)| (Value::from(key), value))
                .collect(),
        ),
    }))
}

/// What a person gave, as text: UTF-8, or else in the encoding that was named.
fn decoded(value: &[u8], encoding: &str) -> Result<String, UsageError> {
    if let Ok(text) = std::str::from_utf8(value) {
        return Ok(text.to_owned());
    }
    let undecodable = || {
        let shown = String::from_utf8_lossy(value);
        UsageError::Other(format!("'{shown}' is not text in the encoding {encoding}"))
    };
    let known = encoding_rs::Encoding::for_label(encoding.as_bytes()).ok_or_else(undecodable)?;
    let text = known.decode_without_bom_handling_and_without_replacement(value);
    text.map(|text| text.into_owned()).ok_or_else(undecodable)
}

fn read_file(path: &str) -> io::Result<Vec<u8>> {
    if path != "-" {
        return fs::read(path);
    }
    let mut content = Vec::new();
    io::stdin().read_to_end(&mut content)?;
    Ok(content)
}

/// Who logs in; a password that was not given is asked for.
fn credentials(auth: Option<String>) -> Result<(String, Secret<String>), UsageError> {
    let Some(auth) = auth else {
        let (user, password) = DEFAULT_AUTH;
        return Ok((user.to_owned(), Secret::new(password.to_owned())));
    };
    if let Some((user, password)) = auth.split_once(':') {
        return Ok((user.to_owned(), Secret::new(password.to_owned())));
    }
    let password = password::ask(&format!("Enter password for '{auth}': "));
    let password = password
        .map_err(|error| UsageError::Other(format!("the password cannot be read: {error}")))?;
    Ok((auth, Secret::new(password)))
}

pub(crate) fn run(options: &SendChange) -> ExitCode {
    let sent = block_on(send(options));
    let sent = sent.unwrap_or_else(|error| Err(ClientError::Lost(error.to_string())));
    match sent {
        Ok(()) => {
            line("change sent successfully");
            ExitCode::SUCCESS
        }
        Err(error) => {
            line(format!("change not sent:\n{error}"));
            ExitCode::FAILURE
        }
    }
}

async fn send(options: &SendChange) -> Result<(), ClientError> {
    let SendChange {
        address,
        user,
        password,
        change,
    } = options;
    let mut client = Client::log_in(address, user, password).await?;
    client.call("addChange", vec![change.clone()]).await?;
    Ok(())
}
