//! The read side of a master: every path of the REST API with its filters and pages, and the events of the realtime
//! interfaces.
//!
//! `web` asks it; the master publishes through [`Bus`]. It changes nothing. All SQL that depends on a question is made
//! in [`select`](crate::select), with values as parameters.

mod bus;
mod event;
mod live;
mod reader;
mod topic;

pub use bus::{Bus, MESSAGES_MAX, Message, Silence, Subscriber};
pub use event::{Body, BuildVerb, Event, LogVerb, RequestVerb, StepVerb, WorkerVerb};
pub use live::Live;
pub use reader::Data;
pub use topic::{Pattern, Topic};
