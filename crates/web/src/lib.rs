//! The web server of a master: REST v2 for reading and control, logging in, and who may do what.
//!
//! It does not know the master: what it wants done goes through [`Control`], what it tells comes from `data`.

mod control;
mod identity;
mod server;
mod settings;

pub use control::{Action, Control, ControlError, Later, Outcome, WorkerAction};
pub use identity::Identity;
pub use server::{StartError, Web};
pub use settings::{Credentials, Settings};
