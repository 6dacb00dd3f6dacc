//! `buildbot try`: has a master build what a person has changed, before it is committed.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::process::{Command, ExitCode, Stdio};

use buildbot_model::Secret;
use buildbot_options::{OptionSpec, Parsed};
use buildbot_wire::Value;

use crate::client::{Address, Client, ClientError, block_on};
use crate::command_line::{Request, UsageError};
use crate::options_file::OptionsFile;
use crate::output::{error_line, line};
use crate::password;
use crate::try_job::TryJob;
use crate::try_source::{self, Tree, TrySource, TrySourceError};
use crate::try_watch;

pub(crate) const USAGE: &str = "\
Usage:    buildbot try [options]
    Has a master build the changes of a working tree.
Options:
  -c, --connect=           How the master is reached: ssh or pb. Needed.
  -m, --master=            With pb: where Try_Userpass listens, as host:port
  -u, --username=          The user, of pb or of ssh
      --passwd=            With pb: the password; asked for if it is missing
      --host=              With ssh: the machine of the master
      --port=              With ssh: its port
      --jobdir=            With ssh: the directory of Try_Jobdir there
      --ssh=               With ssh: a command in place of 'ssh'
      --buildbotbin=       With ssh: the buildbot program there
                           [default: buildbot]
  -b, --builder=           A builder. Can be given several times; without one all
                           builders of the scheduler build.
      --get-builder-names  With pb: only show the builders that there are.
      --properties=        Properties for the builds, as name=value,name=value.
                           Can be given several times.
      --property=          One property, as name=value. Can be given several times.
  -w, --who=               Who tries
  -C, --comment=           What they say about it
      --vc=                The version control system of the tree: bzr, cvs, darcs,
                           git, hg, mtn, p4, svn
      --branch=            The branch, for those that do not know it
      --repository=        The repository in place of the path of the tree
      --topdir=            With cvs and svn: the top of the tree
      --topfile=           With cvs and svn: a file that is only at the top
      --diff=              A patch in place of a working tree (- for standard
                           input)
  -p, --patchlevel=        With --diff: how many directories are taken off the
                           names [default: 0]
      --baserev=           With --diff: the revision that it is made against
  -n, --dryrun             Show the job instead of delivering it.
      --wait               Wait until the builds have ended (pb).
  -q, --quiet              With --wait: do not show what goes on.
      --help               Show this text.
      --version            Show the version of this program.
";

const OPTIONS: [OptionSpec; 29] = [
    OptionSpec::value("connect", Some('c')),
    OptionSpec::value("host", None),
    OptionSpec::value("port", None),
    OptionSpec::value("jobdir", None),
    OptionSpec::value("ssh", None),
    OptionSpec::value("username", Some('u')),
    OptionSpec::value("buildbotbin", None),
    OptionSpec::value("master", Some('m')),
    OptionSpec::value("passwd", None),
    OptionSpec::value("who", Some('w')),
    OptionSpec::value("comment", Some('C')),
    OptionSpec::value("diff", None),
    OptionSpec::value("patchlevel", Some('p')),
    OptionSpec::value("baserev", None),
    OptionSpec::value("vc", None),
    OptionSpec::value("branch", None),
    OptionSpec::value("repository", None),
    OptionSpec::value("builder", Some('b')),
    OptionSpec::value("properties", None),
    OptionSpec::value("property", None),
    OptionSpec::value("topfile", None),
    OptionSpec::value("topdir", None),
    OptionSpec::flag("wait", None),
    OptionSpec::flag("dryrun", Some('n')),
    OptionSpec::flag("get-builder-names", None),
    OptionSpec::flag("quiet", Some('q')),
    OptionSpec::flag("help", None),
    OptionSpec::flag("version", None),
    // The reference reads this, and does nothing with it.
    OptionSpec::flag("dry-run", None),
];

/// What `.buildbot/options` calls each option; the last name that it has counts.
const DEFAULTS: [(&str, &[&str]); 15] = [
    ("connect", &["try_connect"]),
    ("vc", &["try_vc"]),
    ("branch", &["try_branch"]),
    ("repository", &["try_repository"]),
    ("topdir", &["try_topdir"]),
    ("topfile", &["try_topfile"]),
    ("host", &["try_host"]),
    ("username", &["try_username"]),
    ("jobdir", &["try_jobdir", "try_dir"]),
    ("ssh", &["try_ssh"]),
    ("buildbotbin", &["try_buildbotbin"]),
    ("passwd", &["try_passwd", "try_password"]),
    (
        "master",
        &["try_master", "try_masterstatus", "masterstatus"],
    ),
    ("who", &["try_who"]),
    ("comment", &["try_comment"]),
];

/// What a person wants tried.
#[derive(Debug)]
pub(crate) struct TryCommand {
    values: Vec<(&'static str, String)>,
    builders: Vec<String>,
    properties: Vec<(String, String)>,
    patch_level: i64,
    waits: bool,
    is_dry: bool,
    wants_names: bool,
    is_quiet: bool,
}

/// Why it ends early.
#[derive(Debug, thiserror::Error)]
enum TryError {
    /// What the reference prints among its other lines.
    #[error("{0}")]
    Said(String),
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl From<TrySourceError> for TryError {
    fn from(TrySourceError(text): TrySourceError) -> Self {
        Self::Said(text)
    }
}

pub(crate) fn parse(arguments: &[OsString]) -> Result<Request<TryCommand>, UsageError> {
    let Parsed { options, arguments } = buildbot_options::parse(&OPTIONS, arguments)?;
    let mut parsed = TryCommand {
        values: Vec::new(),
        builders: Vec::new(),
        properties: Vec::new(),
        patch_level: 0,
        waits: false,
        is_dry: false,
        wants_names: false,
        is_quiet: false,
    };
    let other = |text: String| UsageError::Other(text);
    for (option, value) in options {
        let value = value.to_string_lossy().into_owned();
        match option {
            "help" => return Ok(Request::Help),
            "version" => return Ok(Request::Version),
            "wait" => parsed.waits = true,
            "dryrun" | "dry-run" => parsed.is_dry = true,
            "get-builder-names" => parsed.wants_names = true,
            "quiet" => parsed.is_quiet = true,
            "builder" => parsed.builders.push(value),
            "patchlevel" => {
                let level = value.trim().parse();
                parsed.patch_level = level
                    .map_err(|_| other(format!("patchlevel must be a number, not '{value}'")))?;
            }
            "properties" => {
                for pair in value.split(',') {
                    let Some((name, value)) = pair.split_once('=') else {
                        return Err(other(format!(
                            "properties must be name=value, not '{pair}'"
                        )));
                    };
                    parsed.set_property(name, value);
                }
            }
            "property" => {
                let (name, value) = value.split_once('=').unwrap_or((&value, ""));
                parsed.set_property(name, value);
            }
            _ => parsed.values.push((option, value)),
        }
    }
    if !arguments.is_empty() {
        return Err(other("Wrong number of arguments.".to_owned()));
    }
    let defaults = OptionsFile::load().map_err(|error| other(error.to_string()))?;
    for (option, names) in DEFAULTS {
        if parsed.value(option).is_none()
            && let Some(value) = names.iter().find_map(|name| defaults.text(name))
        {
            parsed.values.push((option, value));
        }
    }
    if parsed.builders.is_empty() {
        parsed.builders = defaults.texts("try_builders");
    }
    parsed.waits |= defaults.is_true("try_wait");
    parsed.is_quiet |= defaults.is_true("try_quiet");
    if parsed.value("connect") == Some("pb") {
        let Some(master) = parsed.value("master") else {
            let text = "master location must be specified for 'pb' connections";
            return Err(other(text.to_owned()));
        };
        if Address::parse(master).is_none() {
            return Err(other(
                "master must have the form 'hostname:port'".to_owned(),
            ));
        }
    }
    Ok(Request::Run(parsed))
}

impl TryCommand {
    /// The value that was given last; an empty one is none.
    fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.values.iter().rev();
        let value = values.find(|(option, _)| *option == name);
        value
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    fn owned(&self, name: &str) -> Option<String> {
        self.value(name).map(str::to_owned)
    }

    fn set_property(&mut self, name: &str, value: &str) {
        self.properties.retain(|(known, _)| known != name);
        self.properties.push((name.to_owned(), value.to_owned()));
    }
}

pub(crate) fn run(options: &TryCommand) -> ExitCode {
    match go(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(TryError::Said(text)) => {
            line(text);
            ExitCode::FAILURE
        }
        Err(error) => {
            error_line(error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Whether all builds that were waited for succeeded.
fn go(options: &TryCommand) -> Result<bool, TryError> {
    let connect = match options.value("connect") {
        Some(connect @ ("ssh" | "pb")) => connect,
        _ => {
            let text = "you must specify a connect style: ssh or pb";
            return Err(TryError::Said(text.to_owned()));
        }
    };
    line(format!("using '{connect}' connect method"));
    if options.wants_names {
        if connect == "ssh" {
            let text = "Cannot get available builders over ssh.";
            return Err(TryError::Said(text.to_owned()));
        }
        let names = on_network(show_builders(options));
        return names.map(|()| true);
    }
    let job = TryJob {
        source: gather(options)?,
        who: options.owned("who"),
        comment: options.owned("comment"),
        builders: (!options.builders.is_empty()).then(|| options.builders.clone()),
        properties: options.properties.clone(),
    };
    line("job created");
    if options.is_dry {
        show(&job);
        delivered();
        line("not waiting for builds to finish");
        return Ok(true);
    }
    match connect {
        "ssh" => {
            deliver_over_ssh(options, &job)?;
            delivered();
            match options.waits {
                true => line("waiting for builds with ssh is not supported"),
                false => line("not waiting for builds to finish"),
            }
            Ok(true)
        }
        _ => on_network(deliver(options, &job)),
    }
}

fn delivered() {
    line("job has been delivered");
}

fn on_network<T>(work: impl Future<Output = Result<T, TryError>>) -> Result<T, TryError> {
    let done = block_on(work);
    done.unwrap_or_else(|error| Err(ClientError::Lost(format!(": {error}")).into()))
}

/// The patch that was given, or that of the working tree.
fn gather(options: &TryCommand) -> Result<TrySource, TryError> {
    let Some(path) = options.value("diff") else {
        let tree = Tree {
            branch: options.owned("branch"),
            repository: options.owned("repository"),
            topdir: options.owned("topdir"),
            topfile: options.owned("topfile"),
        };
        return Ok(try_source::gather(options.value("vc"), &tree)?);
    };
    let read = match path {
        "-" => {
            let mut patch = Vec::new();
            io::stdin().read_to_end(&mut patch).map(|_| patch)
        }
        _ => fs::read(path),
    };
    let patch = read.map_err(|error| TryError::Said(format!("cannot read {path}: {error}")))?;
    if patch.is_empty() {
        line("WARNING: There is no patch to try, diff is empty.");
    }
    Ok(TrySource {
        branch: options.owned("branch"),
        revision: options.owned("baserev"),
        patch_level: options.patch_level,
        patch: Some(patch),
        repository: options.owned("repository"),
    })
}

/// A job that is not delivered.
fn show(job: &TryJob) {
    let source = &job.source;
    let shown = |text: &Option<String>| text.clone().unwrap_or_default();
    let builders = match &job.builders {
        Some(builders) => {
            let builders: Vec<String> = builders.iter().map(|name| format!("'{name}'")).collect();
            format!("[{}]", builders.join(", "))
        }
        None => "None".to_owned(),
    };
    let patch = match &source.patch {
        Some(patch) => String::from_utf8_lossy(patch).into_owned(),
        None => "None".to_owned(),
    };
    line(format!(
        "Job:\n\tRepository: {}\n\tProject: \n\tBranch: {}\n\tRevision: {}\n\tBuilders: {builders}\n{patch}",
        shown(&source.repository),
        shown(&source.branch),
        shown(&source.revision),
    ));
}

fn deliver_over_ssh(options: &TryCommand, job: &TryJob) -> Result<(), TryError> {
    let said = |text: String| TryError::Said(text);
    let need = |name: &str| {
        let text = format!("{name} must be specified for 'ssh' connections");
        options.value(name).ok_or_else(|| said(text))
    };
    let (host, jobdir) = (need("host")?, need("jobdir")?);
    let words = shell_words(options.value("ssh").unwrap_or("ssh"));
    let words = words.ok_or_else(|| said("--ssh has a quote without an end".to_owned()))?;
    let Some((program, arguments)) = words.split_first() else {
        return Err(said("--ssh names no command".to_owned()));
    };
    let mut command = Command::new(program);
    command.args(arguments);
    for (flag, name) in [("-l", "username"), ("-p", "port")] {
        if let Some(value) = options.value(name) {
            command.args([flag, value]);
        }
    }
    let buildbot = options.value("buildbotbin").unwrap_or("buildbot");
    command.args([host, buildbot, "tryserver", "--jobdir", jobdir]);
    let child = command.stdin(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| said(format!("cannot run {program}: {error}")))?;
    if let Some(mut input) = child.stdin.take() {
        // If it has ended its exit code tells.
        let _ = input.write_all(job.to_file().as_bytes());
    }
    let status = child.wait();
    let status = status.map_err(|error| said(format!("cannot wait for {program}: {error}")))?;
    match status.success() {
        true => Ok(()),
        false => Err(said(format!(
            "remote 'buildbot tryserver' failed: {status}"
        ))),
    }
}

/// Words as a shell splits them, with quotes and backslashes; nothing if a quote has no end.
fn shell_words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '\\') => word.get_or_insert_default().push(characters.next()?),
            (Some('"'), '\\') => match characters.next()? {
                escaped @ ('"' | '\\') => word.get_or_insert_default().push(escaped),
                other => word.get_or_insert_default().extend(['\\', other]),
            },
            (None, blank) if blank.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

async fn log_in(options: &TryCommand) -> Result<Client, TryError> {
    let user = options.value("username").unwrap_or_default();
    let password = match options.value("passwd") {
        Some(password) => password.to_owned(),
        None => password::ask("Password: ")
            .map_err(|error| TryError::Said(format!("the password cannot be read: {error}")))?,
    };
    let master = options.value("master").and_then(Address::parse);
    let master = master
        .ok_or_else(|| TryError::Said("master must have the form 'hostname:port'".to_owned()))?;
    Ok(Client::log_in(&master, user, &Secret::new(password)).await?)
}

async fn show_builders(options: &TryCommand) -> Result<(), TryError> {
    let mut client = log_in(options).await?;
    let names = client.call("getAvailableBuilderNames", Vec::new()).await?;
    line("The following builders are available for the try scheduler: ");
    for name in names.as_sequence().unwrap_or_default() {
        line(name.as_text().unwrap_or_default());
    }
    Ok(())
}

async fn deliver(options: &TryCommand, job: &TryJob) -> Result<bool, TryError> {
    let mut client = log_in(options).await?;
    let source = &job.source;
    let text = |text: &Option<String>| text.clone().map_or(Value::None, Value::Text);
    let body = match source.patch.clone() {
        None => Value::None,
        Some(patch) => match String::from_utf8(patch) {
            Ok(text) => Value::Text(text),
            Err(error) => Value::Bytes(error.into_bytes()),
        },
    };
    let builders = job.builders.clone().unwrap_or_default();
    let properties = job.properties.iter().cloned();
    line(format!(
        "Delivering job; comment= {}",
        job.comment.as_deref().unwrap_or("None")
    ));
    let args = vec![
        text(&source.branch),
        text(&source.revision),
        Value::Tuple(vec![Value::Int(source.patch_level.into()), body]),
        Value::Text(source.repository.clone().unwrap_or_default()),
        Value::Text(String::new()),
        Value::List(builders.into_iter().map(Value::Text).collect()),
        text(&job.who),
        text(&job.comment),
        Value::Dict(
            properties
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        ),
    ];
    let answer = client.call("try", args).await?;
    delivered();
    match answer {
        Value::Remote(_) if !options.waits => {
            line("not waiting for builds to finish");
            Ok(true)
        }
        Value::Remote(buildset) => {
            Ok(try_watch::wait(&mut client, buildset, options.is_quiet).await?)
        }
        _ => {
            let text = "try scheduler on the master does not have the builder configured";
            Err(TryError::Said(text.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::shell_words;

    #[test]
    fn a_command_is_split_as_a_shell_does() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(
                shell_words(text).as_deref(),
                Some(
                    expected
                        .iter()
                        .map(|word| (*word).to_owned())
                        .collect::<Vec<_>>()
                        .as_slice()
                ),
                "{text}"
            );
        };
        check("ssh -o 'A B'  x", &["ssh", "-o", "A B", "x"]);
        check(r#"a\ b "c \" d" ''"#, &["a b", "c \" d", ""]);
        assert_eq!(shell_words("'a"), None);
    }
}
