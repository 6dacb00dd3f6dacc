//! The real master with the real worker, and with ours.
//!
//! Every test starts a master of its own; a scenario in `over_both_protocols!` becomes two tests.

use anyhow::Result;
use buildbot_compat::{MasterConfig, Outcome, Protocol, Stage};

/// Makes tests that run a scenario with both workers over one protocol each.
///
/// `scenario` is a function `fn(&mut Stage) -> Result<Outcome>`, `config` a function `fn() -> MasterConfig`.
macro_rules! over_both_protocols {
    ($($scenario:ident with $config:ident;)+) => {$(
        mod $scenario {
            #[test]
            fn over_pb() -> anyhow::Result<()> {
                crate::compare(stringify!($scenario), buildbot_compat::Protocol::Pb, super::$config, super::$scenario)
            }
            #[test]
            fn over_msgpack() -> anyhow::Result<()> {
                crate::compare(stringify!($scenario), buildbot_compat::Protocol::Msgpack, super::$config, super::$scenario)
            }
        }
    )+};
}

mod attach;
mod bulk;
mod commands;
mod connections;
mod daemon;
mod interrupts;
mod log_files;
mod login;
mod output;
mod proxies;
mod shutdown;
mod tls;
mod transfers;

fn compare(
    name: &str,
    protocol: Protocol,
    config: fn() -> MasterConfig,
    scenario: fn(&mut Stage) -> Result<Outcome>,
) -> Result<()> {
    buildbot_compat::same_outcome(name, protocol, config(), scenario)
}
