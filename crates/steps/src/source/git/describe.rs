//! `git describe`.

use buildbot_render::{Kind, Value};

use super::program::Git;
use crate::error::StepError;
use crate::source::work::Run;
use crate::value::text_of as text;

/// What `git describe` says of the commit that is checked out; `None` if it fails. Which options it gets
/// is said by a dictionary, or there are none.
pub(super) async fn describe(git: &Git<'_>, how: &Value) -> Result<Option<String>, StepError> {
    let options = options(how)?;
    let is_dirty_option = |word: &Value| {
        word.as_text()
            .is_some_and(|word| word.starts_with("--dirty"))
    };
    let mut command = vec![Value::from("describe")];
    let asks_for_head = !options.iter().any(is_dirty_option);
    command.extend(options);
    if asks_for_head {
        command.push("HEAD".into());
    }
    let run = Run {
        may_fail: true,
        collect: true,
        ..Run::default()
    };
    let end = git.call(command, run).await?;
    Ok((end.rc == Some(0)).then(|| end.stdout.trim().to_owned()))
}

fn options(how: &Value) -> Result<Vec<Value>, StepError> {
    const FLAGS: [&str; 8] = [
        "all",
        "always",
        "contains",
        "debug",
        "long",
        "exact-match",
        "tags",
        "first-parent",
    ];
    let mut options = Vec::new();
    let given = |name| how.get(name).filter(|value| value.is_true());
    for name in FLAGS {
        if given(name).is_some() {
            options.push(format!("--{name}").into());
        }
    }
    for name in ["match", "exclude"] {
        if let Some(value) = given(name) {
            if value.as_text().is_none() {
                return Err(StepError::raise(
                    Kind::Attribute,
                    format!(
                        "'{}' object has no attribute 'startswith'",
                        value.type_name()
                    ),
                ));
            }
            options.extend([format!("--{name}").into(), value.clone()]);
        }
    }
    for name in ["abbrev", "candidates"] {
        // Zero is a number, too.
        let value = how
            .get(name)
            .filter(|value| value.is_true() || **value == Value::Int(0));
        if let Some(value) = value {
            options.push(format!("--{name}={}", text(value)).into());
        }
    }
    match how.get("dirty") {
        Some(Value::Bool(true)) => options.push("--dirty".into()),
        Some(Value::Text(mark)) if mark.is_empty() => options.push("--dirty".into()),
        Some(mark) if mark.is_true() => options.push(format!("--dirty={}", text(mark)).into()),
        Some(_) | None => {}
    }
    Ok(options)
}
