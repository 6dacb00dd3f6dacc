//! The configuration that a new master has to begin with.

/// What `create-master` writes as `master.cfg.sample`.
pub(crate) const SAMPLE: &str = include_str!("master.cfg.sample");
