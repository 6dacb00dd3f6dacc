//! What the service manager of the system is told about this process, if `NOTIFY_SOCKET` says where: that it is ready,
//! reads its configuration again, or ends.
//!
//! Without that variable nothing happens. What cannot be told is logged, and is no reason not to run.

use sd_notify::NotifyState;

/// The process does its work, or has its new configuration.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The process begins to read its configuration again; [`ready`] follows, also if it keeps the one before.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        // With the time, a service of `Type=notify-reload` may be reloaded by its signal.
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => {
            tracing::debug!(%error, "the monotonic clock cannot be read");
            tell(&[NotifyState::Reloading]);
        }
    }
}

/// The process ends.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "cannot tell the service manager at $NOTIFY_SOCKET");
    }
}
