//! The web server of a master: REST v2 for reading and control, events as they happen, the front end, logging in, and
//! who may do what.
//!
//! It does not know the master: what it wants done goes through [`Control`], what it tells comes from `data`.

mod access_log;
mod authz;
mod avatar;
mod badges;
mod boot;
mod connection;
mod control;
mod dev_proxy;
mod front_end;
mod identity;
mod impatient;
mod index;
mod listen;
mod login;
mod origin;
mod pattern;
mod realtime;
mod request;
mod response;
mod rest;
mod room;
mod router;
mod rpc;
mod server;
mod session;
mod settings;
mod site;

pub use control::{Action, Control, ControlError, Later, NoAction, Outcome, WorkerAction};
pub use dev_proxy::{DevProxy, DevProxyError, DevProxySettings, UpstreamError};
pub use identity::Identity;
pub use server::{StartError, Web};
pub use settings::{Credentials, CredentialsError, Settings};
pub use site::refused;
