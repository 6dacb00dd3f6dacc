//! The Python process that executes `master.cfg`, seen from the master.
//!
//! A [`Host`] is one process: it is asked questions, each with a deadline, and every question is answered, also
//! when the process hangs or dies. A [`Generation`] is one loaded configuration: it replaces its process when it
//! is lost. User code cannot harm the caller: queues, frames and output are bounded, and every wait has an end.
//!
//! The messages are described in `docs/formats/config-host.md`; what the values in them mean is not this crate's
//! matter.

mod driver;
mod ended;
pub mod frame;
mod generation;
mod host;
pub mod message;
mod output;
mod owner;
mod package;
mod process;
mod python;
mod questions;
mod status;

pub use ended::{Ended, Exit, Reason};
pub use generation::{Description, Generation, LoadError, LostError};
pub use host::{AskError, Host, Options, Pong, StartError};
pub use message::{
    Answer, ConfigFile, Failure, FailureKind, File, Handle, Hello, Place, Question, Rendered,
    Target, VERSION,
};
pub use output::{Line, Stream};
pub use owner::{Ask, Inbox, Owner, Request};
pub use package::{CacheError, OVERRIDE as PACKAGE_VARIABLE, Package, PackageError};
pub use python::{
    OLDEST as OLDEST_PYTHON, Python, PythonError, Source, VARIABLE as PYTHON_VARIABLE,
};
pub use status::{Activity, Status};
