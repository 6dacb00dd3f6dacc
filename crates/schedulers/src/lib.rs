//! Schedulers: when which builds are wanted.
//!
//! [`Schedulers`] holds all schedulers of a master. It is told what happens ([`Input`]) and says what is to be done
//! ([`Output`]): buildsets to submit, state to keep, questions to user code and to the database, whose answers come as
//! later inputs. Time is passed in; timers are data ([`Schedulers::next_timeout`]). There is no IO in this crate.

mod canceller;
mod change;
mod changes;
mod composition;
mod cron;
mod dependent;
mod entry;
mod filter;
mod force;
mod incoming;
mod input;
mod intake;
mod json;
mod output;
mod percent;
mod plan;
mod requests;
mod revlink;
mod set;
mod settings;
mod triggering;
mod try_job;
#[cfg(test)]
mod world;

pub use canceller::{Cancellation, Cancellers, Happened, TrackedRequest};
pub use change::{Change, SharedChange};
pub use cron::{Cron, CronError};
pub use filter::{Decision, Filter};
pub use force::FormView;
pub use incoming::{ChangeRules, CompleteChange, Incoming, NewChange, Step};
pub use input::{
    Answer, Found, Input, Stored, StoredBuildset, StoredStamp, SubmittedIds, Trigger, TriggerStamp,
};
pub use output::{
    Forgotten, NewSourceStamp, Output, Patch, Question, Read, Refusal, Reply, RequestId,
    StateObject, Submission, Ticket, Wanted, WantedStamp,
};
pub use revlink::{Matcher, Patterns, Revlink, Site};
pub use set::{CLAIM_INTERVAL, Refused, Schedulers, refused};
pub use settings::{Settings, Validation};
pub use try_job::{JobError, TryJob};
