//! `ShellSequence`: several commands, each of which counts for itself.

use buildbot_config::steps::shell::{
    Commands, ShellArgArguments, ShellArgKind, ShellSequenceArguments,
};
use buildbot_model::Results;
use buildbot_render::Value;

use crate::error::StepError;
use crate::life::Flags;
use crate::shell::Shell;
use crate::step::Step;

/// A command, evaluated.
struct Command {
    command: Value,
    log: Value,
    flags: [Value; 5],
}

/// `ShellSequence`.
pub(crate) async fn run(
    step: &Step<'_>,
    arguments: &ShellSequenceArguments,
) -> Result<Results, StepError> {
    if step.config.get("commands").is_none_or(Value::is_none) {
        return Ok(Results::Exception);
    }
    let Some(commands) = commands(step, &arguments.commands).await? else {
        return Ok(Results::Exception);
    };
    let mut overall = Results::Success;
    for command in commands {
        let Some(flags) = checked(&command) else {
            return Ok(Results::Exception);
        };
        if !command.command.is_true() {
            continue;
        }
        let shell = Shell {
            log: command.log.as_text().map(str::to_owned),
            ..Shell::of(command.command)
        };
        let end = step.run_shell(shell, None).await?;
        let (results, terminate) = flags.combine(end.results, overall);
        overall = results;
        if terminate {
            break;
        }
    }
    Ok(overall)
}

impl Flags {
    /// What a result means for what has come before, and whether it ends everything.
    pub fn combine(&self, results: Results, before: Results) -> (Results, bool) {
        let mut possible = Results::Success;
        let mut terminate = false;
        match results {
            Results::Failure => {
                if self.flunk_on_failure {
                    possible = Results::Failure;
                } else if self.warn_on_failure {
                    possible = Results::Warnings;
                }
                terminate = self.halt_on_failure;
            }
            Results::Warnings => {
                if self.flunk_on_warnings {
                    possible = Results::Failure;
                } else if self.warn_on_warnings {
                    possible = Results::Warnings;
                }
            }
            Results::Exception | Results::Retry | Results::Cancelled => {
                possible = results;
                terminate = true;
            }
            Results::Success | Results::Skipped => possible = results,
        }
        (before.worst(possible), terminate)
    }
}

/// The flags of a command, if it is valid.
fn checked(command: &Command) -> Option<Flags> {
    let is_valid = match &command.command {
        Value::Text(_) => true,
        Value::List(words) => words.iter().all(|word| word.as_text().is_some()),
        _ => false,
    };
    let mut flags = [false; 5];
    for (flag, value) in flags.iter_mut().zip(&command.flags) {
        let Value::Bool(value) = value else {
            return None;
        };
        *flag = *value;
    }
    let [halt, flunk, flunk_on_warnings, warn, warn_on_warnings] = flags;
    is_valid.then_some(Flags {
        halt_on_failure: halt,
        flunk_on_failure: flunk,
        flunk_on_warnings,
        warn_on_failure: warn,
        warn_on_warnings,
        always_run: false,
    })
}

/// The commands, evaluated; `None` if they are none.
async fn commands(step: &Step<'_>, commands: &Commands) -> Result<Option<Vec<Command>>, StepError> {
    let mut values = Vec::new();
    match commands {
        Commands::These(parts) => {
            for part in parts {
                let ShellArgKind::ShellArg(arguments) = &part.kind else {
                    return Ok(None);
                };
                values.extend(of_arguments(arguments));
            }
        }
        Commands::Later(value) => {
            let Some(items) = value.as_sequence() else {
                return Ok(None);
            };
            for item in items {
                let object = item.as_object().and_then(|id| step.port.object(id));
                let Some(object) = object else {
                    return Ok(None);
                };
                if object.class != "buildbot.steps.shellsequence.ShellArg" {
                    return Ok(None);
                }
                let get = |name: &str, default: bool| {
                    let given = object.arguments.get(name);
                    given.cloned().unwrap_or(default.into())
                };
                values.extend([
                    object.arguments.get("command").cloned().unwrap_or_default(),
                    object.arguments.get("logname").cloned().unwrap_or_default(),
                    get("haltOnFailure", false),
                    get("flunkOnFailure", true),
                    get("flunkOnWarnings", false),
                    get("warnOnFailure", false),
                    get("warnOnWarnings", false),
                ]);
            }
        }
    }
    let rendered = step.port.render(values).await;
    let rendered = rendered.into_iter().collect::<Result<Vec<_>, _>>()?;
    let commands = rendered.chunks_exact(7).map(|values| Command {
        command: values.first().cloned().unwrap_or_default(),
        log: values.get(1).cloned().unwrap_or_default(),
        flags: std::array::from_fn(|flag| values.get(2 + flag).cloned().unwrap_or_default()),
    });
    Ok(Some(commands.collect()))
}

fn of_arguments(arguments: &ShellArgArguments) -> [Value; 7] {
    [
        arguments.command.clone(),
        arguments.logname.clone(),
        arguments.halt_on_failure.clone(),
        arguments.flunk_on_failure.clone(),
        arguments.flunk_on_warnings.clone(),
        arguments.warn_on_failure.clone(),
        arguments.warn_on_warnings.clone(),
    ]
}
