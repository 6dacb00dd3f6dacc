//! What the engine has called by a number: code of the user's, and what stands for it.

use buildbot_config::Value;
use buildbot_confighost::{Handle, Target};

/// Something that is asked.
#[derive(Debug, Clone)]
pub(crate) enum Called {
    /// A function in the process of the configuration.
    Function {
        /// How it is called.
        target: Target,
        /// How many positional parameters it takes, if it does not take any number.
        parameters: Option<u32>,
    },
    /// `util.enforceChosenWorker`, which needs no Python.
    EnforceChosenWorker,
    /// A list of locks that depends on properties.
    Locks(Value),
    /// Whether the instance of a latent worker fits, which its class says.
    Compatible,
    /// A truth value that is known already.
    Known(bool),
}

const ENFORCE_CHOSEN_WORKER: &str = "buildbot.process.builder.enforceChosenWorker";

impl Called {
    /// What `value`, which may be called, stands for; nothing for what is none.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::None => return None,
            Value::Callable(callable) => Self::Function {
                target: Handle(callable.handle.0).into(),
                parameters: callable.parameters,
            },
            Value::Ref(name) if name == ENFORCE_CHOSEN_WORKER => Self::EnforceChosenWorker,
            other => Self::Function {
                target: Target::Value(serde_json::to_value(other).ok()?),
                parameters: None,
            },
        })
    }
}
