//! `retry`: how often something is tried again, and when.

use buildbot_render::{Kind, Value};

use crate::error::StepError;
use crate::step::Step;

/// The attempts that are left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Attempts {
    delay_s: f64,
    left: i64,
}

impl Attempts {
    /// The argument `retry`: `None`, or seconds and a number.
    pub(crate) fn new(retry: &Value) -> Result<Self, StepError> {
        if !retry.is_true() {
            return Ok(Self {
                delay_s: 0.0,
                left: 0,
            });
        }
        let number = |value: &Value| match value {
            Value::Int(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            Value::Bool(yes) => Some(f64::from(u8::from(*yes))),
            _ => None,
        };
        match retry.as_sequence() {
            Some([delay, Value::Int(left)]) if number(delay).is_some() => Ok(Self {
                delay_s: number(delay).unwrap_or_default(),
                left: *left,
            }),
            _ => Err(StepError::raise(
                Kind::Type,
                "retry must be a delay in seconds and a number of attempts",
            )),
        }
    }

    /// Whether another attempt is left.
    pub(crate) fn is_left(&self) -> bool {
        self.left > 0
    }

    /// Waits before the next attempt; `false` at once if none is left, or when the step is stopped.
    pub(crate) async fn wait(&mut self, step: &Step<'_>) -> bool {
        if self.left <= 0 {
            return false;
        }
        self.left -= 1;
        step.sleep(self.delay_s).await
    }
}
