//! `MasterShellCommand`: a program on the master.

use std::time::Duration;

use buildbot_config::steps::master::MasterShellCommandArguments;
use buildbot_model::Results;
use buildbot_python_regex::Pattern;
use buildbot_render::{Kind, Value};

use crate::error::StepError;
use crate::local::{LocalCommand, LocalEnd};
use crate::pattern::raise;
use crate::port::{Channel, LogKind};
use crate::step::Step;
use crate::value::{flatten, repr, text_of};

/// A program that writes nothing for so long is killed.
const OUTPUT_TIMEOUT: Duration = Duration::from_secs(300);

/// `MasterShellCommand`.
pub(crate) async fn run(
    step: &Step<'_>,
    arguments: &MasterShellCommandArguments,
) -> Result<Results, StepError> {
    let port = step.port;
    let build = port.build();
    let (argv, shown) = match &arguments.command {
        Value::Text(text) => {
            let argv = vec!["/bin/sh".to_owned(), "-c".to_owned(), text.clone()];
            (argv, text.clone())
        }
        other => {
            let argv: Vec<String> = flatten(other).iter().map(text_of).collect();
            let shown = argv.join(" ");
            (argv, shown)
        }
    };
    let log = step.add_log("stdio", LogKind::Stream).await?;
    let header = async |text: String| port.append(log, Channel::Header, &text).await;
    header(format!("{shown}\n\n")).await?;
    header("** RUNNING ON BUILDMASTER **\n".to_owned()).await?;
    let workdir = match step.config.get("workdir") {
        None | Some(Value::None) => None,
        Some(given) => Some(text_of(given)),
    };
    // The reference shows this, also where the program runs somewhere else.
    header(format!(" in dir {}\n", build.basedir)).await?;
    let words = Value::List(argv.iter().map(|word| word.as_str().into()).collect());
    header(format!(" argv: {}\n", repr(&words))).await?;
    let env = match &arguments.env {
        Value::None => None,
        given => Some(environment(given, &build.master_environment)?),
    };
    if arguments.log_environ {
        let pairs = env.as_deref().unwrap_or(&build.master_environment);
        let pairs = pairs.iter().map(|(name, value)| {
            let (name, value) = (name.as_str().into(), value.as_str().into());
            (name, value)
        });
        let shown = repr(&Value::Dict(pairs.collect()));
        header(match env {
            Some(_) => format!(" env: {shown}\n"),
            None => format!(" env: environ({shown})\n"),
        })
        .await?;
    }
    let seconds = match &arguments.runtime_timeout {
        Value::Int(seconds) => Some(*seconds as f64),
        Value::Float(seconds) => Some(*seconds),
        _ => None,
    };
    if step.is_stopped() {
        return Ok(Results::Cancelled);
    }
    let end = port
        .run_local(LocalCommand {
            argv,
            workdir,
            env: env.unwrap_or_default(),
            use_pty: arguments.use_pty.is_true(),
            runtime_timeout: seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            output_timeout: Some(OUTPUT_TIMEOUT),
            log,
        })
        .await?;
    match end {
        LocalEnd::Killed(signal) => {
            header(format!("signal {signal}\n")).await?;
            step.set_description_done(Value::List(vec![format!("killed ({signal})").into()]));
            Ok(Results::Failure)
        }
        LocalEnd::Exited(0) => Ok(Results::Success),
        LocalEnd::Exited(code) => {
            header("exit status None\n".to_owned()).await?;
            step.set_description_done(Value::List(vec![format!("failed ({code})").into()]));
            Ok(Results::Failure)
        }
    }
}

/// The variables that were given, with those of the master in them.
fn environment(
    given: &Value,
    of_master: &[(String, String)],
) -> Result<Vec<(String, String)>, StepError> {
    let pattern = Pattern::new(r"\$\{([0-9a-zA-Z_]*)\}", 32).map_err(raise)?;
    let mut variables = Vec::new();
    for (name, value) in given.as_dict().unwrap_or_default() {
        let text = match value {
            Value::None => continue,
            Value::Text(text) => text.clone(),
            Value::List(parts) => {
                let parts: Vec<String> = parts.iter().map(text_of).collect();
                parts.join(":")
            }
            _ => {
                return Err(StepError::raise(
                    Kind::Runtime,
                    format!(
                        "'env' values must be strings or lists; key '{}' is incorrect",
                        text_of(name)
                    ),
                ));
            }
        };
        let mut filled = String::new();
        let mut rest = text.as_str();
        while let Ok(Some(found)) = pattern.search(rest) {
            let whole = found.group(0).unwrap_or_default();
            let begin = found.end - whole.len();
            filled.push_str(rest.get(..begin).unwrap_or_default());
            let name = found.group(1).unwrap_or_default();
            let known = of_master.iter().find(|(known, _)| known == name);
            filled.push_str(known.map_or("", |(_, value)| value));
            rest = rest.get(found.end..).unwrap_or_default();
        }
        filled.push_str(rest);
        variables.push((text_of(name), filled));
    }
    Ok(variables)
}
