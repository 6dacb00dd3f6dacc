//! How many files and connections this process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More than a master needs that has thousands of workers; children that look at each possible descriptor stay quick.
const ENOUGH: u64 = 65_536;

/// Lets this process open as many files as the system allows, up to 65 536. Systems start programs with 1024, for the
/// sake of those that use `select`; each worker and each reader of a page is a connection.
///
/// Returns how many there may be now; `None` is no limit. Where the system refuses, the limit stays as it is.
pub fn raise() -> Option<u64> {
    let found = getrlimit(Resource::Nofile);
    let current = found.current?;
    let wanted = found.maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH));
    if wanted <= current {
        return Some(current);
    }
    let raised = Rlimit {
        current: Some(wanted),
        maximum: found.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => Some(wanted),
        Err(error) => {
            tracing::warn!(%error, "no more than {current} files can be open");
            Some(current)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_rises_to_the_hard_one_and_no_further_than_needed() {
        let before = getrlimit(Resource::Nofile);
        let lowered = Rlimit {
            current: Some(256),
            maximum: before.maximum,
        };
        setrlimit(Resource::Nofile, lowered).unwrap();
        let expected = before.maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH));
        assert_eq!(raise(), Some(expected));
        assert_eq!(getrlimit(Resource::Nofile).current, Some(expected));
        // What is higher already stays.
        assert_eq!(raise(), Some(expected));
    }
}
