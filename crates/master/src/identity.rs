//! Who this master is, on which machine and directory; the rows that say so.

use std::path::Path;
use std::time::{Duration, SystemTime};

use buildbot_db::tables::masters;
use buildbot_db::{Connection, StatementError};
use buildbot_model::{BuildId, MasterId, Timestamp};

/// How often a master says that it runs.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(60);

/// After so long without a word a master is taken for dead.
const SILENCE_MAX: Duration = Duration::from_secs(600);

/// The time on the clock of this machine.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::default() + since.unwrap_or_default()
}

/// `<host>:<base directory>`, by which a master finds its row and its claims again.
pub(crate) fn name_of(basedir: &Path) -> String {
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy();
    format!("{host}:{}", basedir.display())
}

/// Finds the row of this master, and ends what an earlier run left behind. Returns the builds that it had not ended.
pub(crate) fn take_over(
    connection: &Connection,
    name: &str,
    now: Timestamp,
) -> Result<(MasterId, Vec<BuildId>), StatementError> {
    let id = masters::find_or_add(connection, name, now)?;
    masters::set_inactive(connection, id)?;
    let left = masters::clean_up(connection, id, now)?;
    Ok((id, left))
}

/// Ends what masters left behind that have been silent for long.
pub(crate) fn expire_others(
    connection: &Connection,
    own: MasterId,
    now: Timestamp,
) -> Result<Vec<BuildId>, StatementError> {
    let seconds = now.seconds().saturating_sub(SILENCE_MAX.as_secs());
    let mut left = Vec::new();
    for master in masters::stale(connection, Timestamp::from_seconds(seconds))? {
        if master.id != own {
            masters::set_inactive(connection, master.id)?;
            left.extend(masters::clean_up(connection, master.id, now)?);
        }
    }
    Ok(left)
}
