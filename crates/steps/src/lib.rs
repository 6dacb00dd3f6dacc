//! The built-in steps, and the life of every step.
//!
//! A step is an `async fn` over a [`Port`], which is all it knows of the master: there is no socket, clock or disk
//! here. The life of a step has two halves, because the engine takes its locks in between: [`prepare`] evaluates
//! its arguments and asks whether it is done at all, [`Prepared::run`] does it. A master that cannot carry out a step
//! of its configuration says so when it starts: [`unsupported`].

mod call;
mod command;
mod directories;
mod error;
mod facts;
mod http;
mod json;
mod kinds;
mod languages;
mod life;
mod local;
mod local_command;
mod packages;
mod pattern;
mod port;
mod pprint;
mod properties;
mod renderables;
mod sequence;
mod shell;
mod source;
mod step;
mod summary;
mod supported;
mod transfer;
mod trigger;
mod trigger_port;
mod twisted;
mod value;
mod warnings;
mod windows;
mod worker_files;

pub use call::{Argument, LiveStep};
pub use command::{
    CommandEnd, Compression, DecodeRc, LogTarget, Observer, Piece, RemoteCommand, Transfer,
};
pub use error::StepError;
pub use facts::{BuildFacts, ChangeFacts, PatchFacts, SourceFacts, WorkerFacts};
pub use http::{HttpExchange, HttpRequest, HttpResponse};
pub use life::{Flags, Next, Prepared, StepEnd, name, prepare};
pub use local::{LocalCommand, LocalEnd};
pub use port::{
    AddSteps, Answer, Channel, Interruption, Later, LogKey, LogKind, Port, TestResult,
    TestResultSet,
};
pub use shell::Shell;
pub use step::Step;
pub use summary::Summary;
pub use supported::unsupported;
pub use trigger_port::{BuildsetEnd, TriggerRequest, Triggered, TriggeredBuild};
pub use worker_files::FileKind;
