//! Steps that set properties, and those that look at values.

use buildbot_config::steps::master::{
    AssertArguments, LogRenderableArguments, SetPropertiesArguments, SetPropertyArguments,
};
use buildbot_config::steps::shell::SetPropertyFromCommandArguments;
use buildbot_config::steps::worker::SetPropertiesFromEnvArguments;
use buildbot_model::Results;
use buildbot_render::Value;

use crate::call::Argument;
use crate::command::CommandEnd;
use crate::error::StepError;
use crate::pprint::pretty;
use crate::shell::Shell;
use crate::step::{Step, type_error};
use crate::value::{repr, strip, text_of};

/// `SetProperty`.
pub(crate) async fn set_property(
    step: &Step<'_>,
    arguments: &SetPropertyArguments,
) -> Result<Results, StepError> {
    set(step, &arguments.property, &arguments.value);
    Ok(Results::Success)
}

/// `SetProperties`.
pub(crate) async fn set_properties(
    step: &Step<'_>,
    arguments: &SetPropertiesArguments,
) -> Result<Results, StepError> {
    match &arguments.properties {
        Value::None => {}
        Value::Dict(pairs) => {
            for (name, value) in pairs {
                set(step, name, value);
            }
        }
        other => {
            return Err(StepError::raise(
                buildbot_render::Kind::Attribute,
                format!("'{}' object has no attribute 'items'", other.type_name()),
            ));
        }
    }
    Ok(Results::Success)
}

fn set(step: &Step<'_>, name: &Value, value: &Value) {
    let source = step.port.step_name().to_owned();
    step.port
        .set_property(&text_of(name), value.clone(), &source);
}

/// `SetPropertiesFromEnv`.
pub(crate) async fn from_environment(
    step: &Step<'_>,
    arguments: &SetPropertiesFromEnvArguments,
) -> Result<Results, StepError> {
    let worker = step.port.worker();
    let names = match &arguments.variables {
        only @ Value::Text(_) => std::slice::from_ref(only),
        other => other.as_sequence().unwrap_or_default(),
    };
    let source = text_of(&arguments.source);
    let mut lines = Vec::new();
    for name in names {
        let name = text_of(name);
        let key = if worker.is_windows() {
            name.to_uppercase()
        } else {
            name.clone()
        };
        let found = worker.environ.iter().find(|(known, _)| *known == key);
        let Some((_, value)) = found.filter(|(_, value)| !value.is_empty()) else {
            continue;
        };
        let value = Value::from(value.as_str());
        lines.push(format!("{name} = {}", repr(&value)));
        step.port.set_property(&name, value, &source);
    }
    step.add_complete_log("properties", &lines.join("\n"))
        .await?;
    Ok(Results::Success)
}

/// `Assert`.
pub(crate) async fn assert(
    _step: &Step<'_>,
    arguments: &AssertArguments,
) -> Result<Results, StepError> {
    Ok(if arguments.check.is_true() {
        Results::Success
    } else {
        Results::Failure
    })
}

/// `LogRenderable`.
pub(crate) async fn log_renderable(
    step: &Step<'_>,
    arguments: &LogRenderableArguments,
) -> Result<Results, StepError> {
    step.add_complete_log("Output", &pretty(&arguments.content))
        .await?;
    Ok(Results::Success)
}

/// `SetPropertyFromCommand`.
pub(crate) async fn from_command(
    step: &Step<'_>,
    arguments: &SetPropertyFromCommandArguments,
) -> Result<Results, StepError> {
    let has_function = !arguments.extract_fn.is_none();
    let shell = Shell {
        collect_stdout: arguments.include_stdout,
        collect_stderr: arguments.include_stderr || has_function,
        ..Shell::default()
    };
    let end = step.run_shell(shell, None).await?;
    let found = if has_function {
        extracted(step, arguments, &end).await?
    } else if end.did_fail() {
        return Ok(Results::Failure);
    } else {
        let text = if arguments.strip {
            strip(&end.stdout)
        } else {
            &end.stdout
        };
        vec![(text_of(&arguments.property), text.into())]
    };
    let mut lines = Vec::new();
    let mut set: Vec<&str> = Vec::new();
    for (name, value) in &found {
        step.port
            .set_property(name, value.clone(), "SetPropertyFromCommand Step");
        lines.push(format!("{name}: {}", repr(value)));
        set.push(name);
    }
    lines.sort();
    step.add_complete_log("property changes", &lines.join("\n"))
        .await?;
    match set.as_slice() {
        [] => {}
        [only] => step.set_summary(format!("property '{only}' set")),
        several => step.set_summary(format!("{} properties set", several.len())),
    }
    Ok(if end.did_fail() {
        Results::Failure
    } else {
        Results::Success
    })
}

/// What the user's function makes of the output.
async fn extracted(
    step: &Step<'_>,
    arguments: &SetPropertyFromCommandArguments,
    end: &CommandEnd,
) -> Result<Vec<(String, Value)>, StepError> {
    let given = vec![
        Argument::Value(end.rc.map_or(Value::None, Value::Int)),
        Argument::Value(end.stdout.as_str().into()),
        Argument::Value(end.stderr.as_str().into()),
    ];
    let answer = step.port.call(&arguments.extract_fn, given).await?;
    match answer {
        Value::Dict(pairs) => Ok(pairs
            .into_iter()
            .map(|(name, value)| (text_of(&name), value))
            .collect()),
        other => Err(type_error(format!(
            "'{}' object is not a mapping",
            other.type_name()
        ))),
    }
}

/// What `SetPropertyFromCommand` shows at its end.
pub(crate) fn from_command_summary(step: &Step<'_>, results: Results) -> String {
    match step.summary() {
        Some(text) if results == Results::Success => text,
        Some(text) => format!("{text} ({})", results.name()),
        None => step.shell_summary(results),
    }
}

/// What `Assert` shows at its end: the argument as it was written.
pub(crate) fn assert_summary(step: &Step<'_>, results: Results) -> String {
    let check = step.config.get("check").cloned().unwrap_or_default();
    let text = format!("checked {}", repr(&check));
    if results == Results::Success {
        text
    } else {
        format!("{text} ({})", results.name())
    }
}
