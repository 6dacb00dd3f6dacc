//! Reads and writes `buildbot.tac` without Python.
//!
//! A tac file is a Python program, but what `create-worker` writes and what administrators change in
//! it uses little of Python: assignments, known functions, and one call of `Worker(…)`.
//! [`read_worker`] follows that little and refuses everything else, with the place and what is
//! allowed; [`write_worker`] writes the form that users know, which the Python worker executes.
//!
//! Text goes through `lexer`, `parser` and `evaluate`; the last gives [`WorkerTac`]. None of
//! them does anything to the machine: what they may ask of it is in [`Surroundings`].

mod arguments;
mod error;
mod evaluate;
mod lexer;
mod master;
mod names;
mod parser;
mod paths;
mod read;
mod surroundings;
mod syntax;
mod text;
mod value;
mod worker;
mod write;
mod write_master;

pub use error::{TacError, TacErrors};
pub use master::{MasterTac, read_master};
pub use read::{TEXT_BYTES_MAX, read_worker};
pub use surroundings::{Disk, FileKind, Files, MachineNames, NoFiles, Surroundings};
pub use worker::{AllowShutdown, LogTarget, Master, Protocol, WorkerArguments, WorkerTac};
pub use write::{MasterOption, NumberOrNone, WorkerOptions, write_worker};
pub use write_master::{MasterOptions, write_master};
