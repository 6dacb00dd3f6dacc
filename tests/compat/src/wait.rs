//! Waiting for a condition, with a deadline.

use anyhow::{Context, Result, bail};
use std::time::{Duration, Instant};

/// How long anything may take that takes a second on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(45);

const INTERVAL: Duration = Duration::from_millis(40);

/// Asks `check` again and again until it has a value; fails after `limit` with the text `what`.
pub fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut check: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = check().with_context(|| format!("while waiting until {what}"))? {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            bail!("waited {} s in vain until {what}", limit.as_secs());
        }
        std::thread::sleep(INTERVAL);
    }
}

/// [`wait_for`] for a condition without a value.
pub fn wait_until(
    what: &str,
    limit: Duration,
    mut check: impl FnMut() -> Result<bool>,
) -> Result<()> {
    wait_for(what, limit, || Ok(check()?.then_some(())))
}
