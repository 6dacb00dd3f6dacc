//! The read side of a master: every path of the REST API with its filters and pages, and the events of the realtime
//! interfaces.
//!
//! `web` asks it; the master publishes through [`Bus`]. It changes nothing. All SQL that depends on a question is made
//! in `select.rs`, with values as parameters.

mod bus;
mod endpoints;
mod entities;
mod entity;
mod event;
mod extent;
pub mod json;
mod live;
mod memory;
mod path;
mod python;
mod query;
mod reader;
mod related;
mod rows;
mod select;
mod sources;
mod target;
mod topic;

pub use buildbot_logs::BLOCK_BYTES_MAX;
pub use bus::{Bus, MESSAGES_MAX, Message, Silence, Subscriber, Subscriptions};
pub use event::{Body, BuildVerb, Event, LogVerb, RequestVerb, StepVerb, WorkerVerb};
pub use extent::{may_be_long, takes_form};
pub use live::Live;
pub use python::{Condition, GetError, PythonAnswer, Wanted, shaped_message, value};
pub use query::QueryError;
pub use reader::{Answer, Data, RawLog, ReadError};
pub use sources::specification;
pub use target::Target;
pub use topic::{Pattern, Topic};
