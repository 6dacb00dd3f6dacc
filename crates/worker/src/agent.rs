//! The connection to the master.

use buildbot_tac::WorkerTac;

use crate::signals::Signals;

/// Serves the master until a signal, the master or the settings end the worker.
pub fn run(_tac: &WorkerTac, signals: &Signals) -> anyhow::Result<()> {
    signals.wait_for_stop()?;
    Ok(())
}
