//! `buildbot user`: manages the users that a master knows.

use std::ffi::OsString;
use std::process::ExitCode;

use buildbot_model::Secret;
use buildbot_options::{OptionSpec, Parsed};
use buildbot_wire::Value;

use crate::client::{Address, Client, ClientError, block_on};
use crate::command_line::{Request, UsageError};
use crate::options_file::OptionsFile;
use crate::output::{error_line, line};

pub(crate) const USAGE: &str = "\
Usage:    buildbot user [options]
    Asks the CommandlineUserManager of a master.
Options:
  -m, --master=       Where the manager listens: host:port. Needed.
  -u, --username=     Who asks. Needed.
  -p, --passwd=       The password for it. Needed.
      --op=           What to do: add, remove, update or get. Needed.
      --bb_username=  With 'update': the name for logins to the master
      --bb_password=  With 'update': the password for logins to the master
      --ids=          With 'remove' and 'get': identifiers of users, as id1,id2.
                      Can be given several times.
      --info=         With 'add': a user, as type=value,type=value. With 'update':
                      as id:type=value,type=value. Can be given several times.
                      Types: identifier, email, git, svn, hg, cvs, darcs, bzr,
                      fossil.
      --help          Show this text.
      --version       Show the version of this program.
";

const OPTIONS: [OptionSpec; 10] = [
    OptionSpec::value("master", Some('m')),
    OptionSpec::value("username", Some('u')),
    OptionSpec::value("passwd", Some('p')),
    OptionSpec::value("op", None),
    OptionSpec::value("bb_username", None),
    OptionSpec::value("bb_password", None),
    OptionSpec::value("ids", None),
    OptionSpec::value("info", None),
    OptionSpec::flag("help", None),
    OptionSpec::flag("version", None),
];

const TYPES: [&str; 9] = [
    "identifier",
    "email",
    "git",
    "svn",
    "hg",
    "cvs",
    "darcs",
    "bzr",
    "fossil",
];

/// Bytes of salt of a stored password.
const SALT_BYTES: usize = 8;

/// What is asked, and of whom.
#[derive(Debug)]
pub(crate) struct UserCommand {
    address: Address,
    user: String,
    password: Secret<String>,
    op: String,
    bb_username: Option<String>,
    bb_password: Option<Secret<String>>,
    ids: Option<Vec<String>>,
    /// Types and values of each user.
    infos: Option<Vec<Vec<(String, String)>>>,
}

pub(crate) fn parse(arguments: &[OsString]) -> Result<Request<UserCommand>, UsageError> {
    let Parsed { options, .. } = buildbot_options::parse(&OPTIONS, arguments)?;
    let refuse = |text: &str| Err(UsageError::Other(text.to_owned()));
    let (mut ids, mut infos): (Vec<String>, Vec<Vec<(String, String)>>) = Default::default();
    let mut given: Vec<(&'static str, String)> = Vec::new();
    for (option, value) in options {
        let value = value.to_string_lossy().into_owned();
        match option {
            "help" => return Ok(Request::Help),
            "version" => return Ok(Request::Version),
            "ids" => ids.extend(value.split(',').map(str::to_owned)),
            "info" => infos.push(info(&value)),
            _ => given.push((option, value)),
        }
    }
    let defaults = OptionsFile::load().map_err(|error| UsageError::Other(error.to_string()))?;
    let option = |name: &str, others: &[&str]| {
        let mut values = given.iter().rev().filter(|(option, _)| *option == name);
        let value = values.next().map(|(_, value)| value.clone());
        let value = value.or_else(|| others.iter().find_map(|other| defaults.text(other)));
        value.filter(|value| !value.is_empty())
    };
    let Some(master) = option("master", &["user_master", "master"]) else {
        return refuse("Required argument missing: master");
    };
    let Some(address) = Address::parse(&master) else {
        return refuse("master must have the form 'hostname:port'");
    };
    let Some(op) = option("op", &[]) else {
        return refuse("you must specify an operation: add, remove, update, get");
    };
    if !["add", "remove", "update", "get"].contains(&op.as_str()) {
        return refuse(&format!(
            "bad op '{op}', use 'add', 'remove', 'update', or 'get'"
        ));
    }
    let user = option("username", &["user_username"]);
    let password = option("passwd", &["user_passwd"]);
    let (Some(user), Some(password)) = (user, password) else {
        return refuse("A username and password must be given");
    };
    let (bb_username, bb_password) = (option("bb_username", &[]), option("bb_password", &[]));
    if (bb_username.is_some() || bb_password.is_some()) && op != "update" {
        return refuse("bb_username and bb_password only work with update");
    }
    if bb_username.is_some() != bb_password.is_some() {
        return refuse("Must specify both bb_username and bb_password or neither.");
    }
    if ids.is_empty() && infos.is_empty() {
        return refuse("must specify either --ids or --info");
    }
    let takes_info = op == "add" || op == "update";
    if takes_info && !ids.is_empty() {
        return refuse("cannot use --ids with 'add' or 'update'");
    }
    if !takes_info && !infos.is_empty() {
        return refuse("cannot use --info with 'remove' or 'get'");
    }
    check_infos(&op, &mut infos)?;
    Ok(Request::Run(UserCommand {
        address,
        user,
        password: Secret::new(password),
        op,
        bb_username,
        bb_password: bb_password.map(Secret::new),
        ids: (!takes_info).then_some(ids),
        infos: takes_info.then_some(infos),
    }))
}

/// `[ID:]TYPE=VALUE,…`; the identifier is kept under its type.
fn info(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut set = |key: &str, value: &str| {
        found.retain(|(known, _)| known != key);
        found.push((key.to_owned(), value.to_owned()));
    };
    for part in text.split(',') {
        match part.split_once('=') {
            None => set("identifier", part),
            Some((key, value)) => match key.split_once(':') {
                None => set(key, value),
                Some((identifier, key)) => {
                    set("identifier", identifier);
                    set(key, value);
                }
            },
        }
    }
    found
}

fn check_infos(op: &str, infos: &mut [Vec<(String, String)>]) -> Result<(), UsageError> {
    let refuse = |text: String| Err(UsageError::Other(text));
    for user in infos {
        if user.iter().any(|(key, _)| !TYPES.contains(&key.as_str())) {
            let types = TYPES.join(", ");
            return refuse(format!("Type not a valid attr_type, must be in: {types}"));
        }
        let has_identifier = user.iter().any(|(key, _)| key == "identifier");
        if op == "update" && !has_identifier {
            let text = "no ids found in update info; use: --info=id:type=value,type=value,..";
            return refuse(text.to_owned());
        }
        if op == "add" {
            if has_identifier {
                let text = "identifier found in add info, use: --info=type=value,type=value,..";
                return refuse(text.to_owned());
            }
            let first = user.iter().map(|(_, value)| value.clone()).min();
            user.push(("identifier".to_owned(), first.unwrap_or_default()));
        }
    }
    Ok(())
}

pub(crate) fn run(options: &UserCommand) -> ExitCode {
    let asked = block_on(ask(options));
    match asked.unwrap_or_else(|error| Err(ClientError::Lost(error.to_string()))) {
        Ok(text) => {
            line(text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            error_line(error.to_string());
            ExitCode::FAILURE
        }
    }
}

async fn ask(options: &UserCommand) -> Result<String, ClientError> {
    let text = |value: &Option<String>| value.clone().map_or(Value::None, Value::Text);
    let password = match &options.bb_password {
        Some(password) => Value::Text(
            encrypted(password).map_err(|error| ClientError::Lost(format!(": {error}")))?,
        ),
        None => Value::None,
    };
    let ids = options.ids.as_ref().map_or(Value::None, |ids| {
        Value::List(ids.iter().cloned().map(Value::Text).collect())
    });
    let infos = options.infos.as_ref().map_or(Value::None, |infos| {
        let user = |user: &Vec<(String, String)>| {
            let pairs = user.iter().cloned();
            Value::Dict(
                pairs
                    .map(|(key, value)| (key.into(), value.into()))
                    .collect(),
            )
        };
        Value::List(infos.iter().map(user).collect())
    });
    let mut client = Client::log_in(&options.address, &options.user, &options.password).await?;
    let args = vec![
        Value::Text(options.op.clone()),
        text(&options.bb_username),
        password,
        ids,
        infos,
    ];
    let answer = client.call("commandline", args).await?;
    Ok(answer.as_text().unwrap_or_default().to_owned())
}

/// A password as a master stores it: the salt, and the SHA-1 of the password and the salt, in hexadecimal digits.
fn encrypted(password: &Secret<String>) -> std::io::Result<String> {
    use sha1::{Digest as _, Sha1};
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(std::io::Error::other)?;
    let salt = data_encoding::HEXLOWER.encode(&salt);
    let digest = Sha1::new()
        .chain_update(password.expose())
        .chain_update(&salt)
        .finalize();
    Ok(format!("{salt}{}", data_encoding::HEXLOWER.encode(&digest)))
}
