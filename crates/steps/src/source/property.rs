//! Properties that a step sets for its codebase.

use buildbot_config::steps::source::SourceArguments;
use buildbot_render::Value;

use super::wanted::codebase;
use crate::error::StepError;
use crate::step::Step;

/// Sets a property. With a codebase it is a dictionary, to which an entry is added.
pub(crate) fn set(
    step: &Step<'_>,
    source: &SourceArguments,
    name: &str,
    value: Value,
) -> Result<(), StepError> {
    let Some(value) = step.set_source_property(name, value) else {
        return Ok(());
    };
    let known = step.port.property(name).map(|property| property.value);
    let codebase = codebase(source);
    let mixed = |text: &str| {
        let name = step.port.step_name();
        StepError::of_class(
            "builtins.AssertionError",
            format!("Sourcestep {name} {text}"),
        )
    };
    let value = match (codebase, known) {
        ("", Some(Value::Dict(_))) => {
            return Err(mixed("does not have a codebase, other sourcesteps do"));
        }
        ("", _) => value,
        (_, None) => Value::Dict(vec![(codebase.into(), value)]),
        (_, Some(Value::Dict(mut entries))) => {
            match entries
                .iter_mut()
                .find(|(of, _)| of.as_text() == Some(codebase))
            {
                Some((_, entry)) => *entry = value,
                None => entries.push((codebase.into(), value)),
            }
            Value::Dict(entries)
        }
        (_, Some(_)) => return Err(mixed("has a codebase, other sourcesteps don't")),
    };
    step.port.set_property(name, value, class_name(step));
    Ok(())
}

/// The name of the step's class, which is the user's own if there is one.
pub(crate) fn class_name<'s>(step: &'s Step<'_>) -> &'s str {
    let object = &step.config.object;
    let class = object.user_class.as_deref().unwrap_or(&object.class);
    class.rsplit('.').next().unwrap_or(class)
}
